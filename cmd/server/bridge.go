package main

import (
	"fmt"
	"os"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/site"
)

// openSessions returns the sessions in the store. If BRIDGE_TABLE is set, what ends is
// sealed before it ends, and the records of the bridge are returned too.
func openSessions(opened storeconfig.Stores, here site.Site, pages *signin.Pages, measured meter) (*session.Manager, bridge.Store, error) {
	kept, err := opened.Sessions()
	if err != nil {
		return nil, nil, err
	}
	kept = measured.Store(kept)
	if os.Getenv(config.BridgeTable) == "" {
		if len(here.LegacyCookies) > 0 {
			return nil, nil, fmt.Errorf("%s is set, and %s is not; set both, or neither", signinconfig.LegacyCookies, config.BridgeTable)
		}
		sessions, err := config.Sessions(kept, pages.Fail)
		return sessions, nil, err
	}
	records, err := opened.Bridge()
	if err != nil {
		return nil, nil, err
	}
	sessions, err := config.EndingSessions(kept, pages.Fail, bridge.BeforeEnding(records, here.HasStateless()))
	return sessions, records, err
}
