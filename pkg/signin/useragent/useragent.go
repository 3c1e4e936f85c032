// Package useragent says in words what sent a request, from its User-Agent
// header: "Firefox on Windows". That is enough for people to know their own
// devices again. It is a hint for them and nothing to decide by: anyone can send
// any User-Agent.
package useragent

import "strings"

// product is a name for what a User-Agent with the mark in it comes from.
type product struct{ mark, name string }

// browsers come in this order because browsers carry the marks of those they want
// to be taken for: Edge those of Chrome, Chrome that of Safari. Apps that show
// pages by themselves come before the engine they show them with. Brave, Arc and
// others send Chrome's User-Agent unchanged.
var browsers = []product{
	{"FBAN/", "Facebook"}, {"FBAV/", "Facebook"},
	{"Instagram ", "Instagram"},
	{"MicroMessenger/", "WeChat"},
	{"GSA/", "the Google app"},

	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"Edge/", "Edge"},
	{"Opera Mini/", "Opera Mini"},
	{"OPR/", "Opera"}, {"OPT/", "Opera"}, {"OPX/", "Opera"}, {"OPiOS/", "Opera"}, {"Opera", "Opera"},
	{"SamsungBrowser/", "Samsung Internet"},
	{"Vivaldi/", "Vivaldi"},
	{"YaBrowser/", "Yandex Browser"},
	{"DuckDuckGo/", "DuckDuckGo"}, {"Ddg/", "DuckDuckGo"},
	{"HuaweiBrowser/", "Huawei Browser"},
	{"MiuiBrowser/", "Mi Browser"},
	{"UCBrowser/", "UC Browser"},
	{"QQBrowser/", "QQ Browser"},
	{"Whale/", "Whale"},
	{"Silk/", "Silk"},
	{"Epiphany/", "GNOME Web"},

	{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"Focus/", "Firefox"},
	{"; wv)", "an app"},
	{"Electron/", "an app"},
	{"Chromium/", "Chromium"}, {"HeadlessChrome/", "Chrome"}, {"Chrome/", "Chrome"}, {"CriOS/", "Chrome"},
	{"MSIE ", "Internet Explorer"}, {"Trident/", "Internet Explorer"},
	{"Safari/", "Safari"},
	{"AppleWebKit/", "an app"},

	{"curl/", "curl"},
	{"Wget/", "Wget"},
	{"PostmanRuntime/", "Postman"},
	{"python-requests/", "a Python program"}, {"python-httpx/", "a Python program"}, {"Python/", "a Python program"}, {"Python-urllib/", "a Python program"},
	{"Go-http-client/", "a Go program"},
	{"axios/", "a JavaScript program"}, {"undici", "a JavaScript program"}, {"node", "a JavaScript program"},
	{"okhttp/", "an app"}, {"CFNetwork/", "an app"}, {"Dart/", "an app"},
	{"Java/", "a Java program"}, {"Java-http-client/", "a Java program"},
}

// systems come in this order because phones and consoles carry the marks of the
// systems that theirs are made from. An iPad that asks for desktop pages, as it
// does unless told otherwise, is a Mac by all it says.
var systems = []product{
	{"Windows Phone", "Windows Phone"},
	{"Xbox", "Xbox"},
	{"Windows", "Windows"},
	{"iPhone", "iPhone"},
	{"iPad", "iPad"},
	{"iPod", "iPod"},
	{"Tizen", "Tizen"},
	{"Web0S", "webOS"},
	{"KAIOS", "KaiOS"},
	{"OpenHarmony", "HarmonyOS"}, {"HarmonyOS", "HarmonyOS"},
	{"Android", "Android"},
	{"CrOS", "ChromeOS"},
	{"PlayStation", "PlayStation"},
	{"Nintendo Switch", "Nintendo Switch"},
	{"Macintosh", "macOS"}, {"Mac OS X", "macOS"}, {"Darwin/", "an Apple device"},
	{"FreeBSD", "FreeBSD"}, {"OpenBSD", "OpenBSD"}, {"NetBSD", "NetBSD"},
	{"Linux", "Linux"}, {"linux", "Linux"}, {"X11", "Unix"},
}

// Describe returns browser and system in words, as far as the header names them,
// and "Unknown device" if it names neither. It never repeats any of the header.
func Describe(header string) string {
	browser, system := find(browsers, header), find(systems, header)
	switch {
	case browser == "" && system == "":
		return "Unknown device"
	case system == "":
		return sentence(browser)
	case browser == "":
		return sentence(system)
	}
	return sentence(browser) + " on " + system
}

// find returns the name of the first product whose mark is in the header.
func find(products []product, header string) string {
	for _, p := range products {
		if strings.Contains(header, p.mark) {
			return p.name
		}
	}
	return ""
}

// sentence makes "an app" "An app", and leaves names as they spell themselves.
func sentence(name string) string {
	for _, article := range []string{"a ", "an ", "the "} {
		if strings.HasPrefix(name, article) {
			return strings.ToUpper(name[:1]) + name[1:]
		}
	}
	return name
}
