// Package useragent describes the program that sent a request, from its User-Agent
// header: "Firefox on Windows". The description is good enough for users to recognise
// their own devices. It is only a hint. Do not base a decision on it, because a
// client can send any User-Agent.
//
// This package may still change in ways that break programs.
package useragent

import "strings"

// product is a browser or a system: the mark that its User-Agent contains, and its
// name.
type product struct{ mark, name string }

// browsers is sorted so that the first match is the right one. A browser's User-Agent
// also contains the marks of the browsers that it imitates: Edge contains Chrome's
// marks, and Chrome contains Safari's. Apps that show web pages come before the
// engine that they use. Brave, Arc and others send Chrome's User-Agent unchanged, so
// they are described as Chrome.
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

// systems is sorted so that the first match is the right one. The User-Agent of a
// phone or a console also contains the mark of the system that its own system is
// based on. An iPad asks for desktop pages unless its user changes that setting. Its
// User-Agent is then the same as a Mac's.
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

// Describe returns the browser and the system in words, as far as the header names
// them. It returns "Unknown device" if the header names neither. The result never
// contains text of the header.
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

// sentence changes "an app" to "An app". It leaves the names of products as they are.
func sentence(name string) string {
	for _, article := range []string{"a ", "an ", "the "} {
		if strings.HasPrefix(name, article) {
			return strings.ToUpper(name[:1]) + name[1:]
		}
	}
	return name
}
