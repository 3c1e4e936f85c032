// Package useragent recognises the program that sent a request, from its User-Agent
// header: Firefox and Windows. The result is good enough for users to recognise
// their own devices. It is only a hint. Do not base a decision on it, because a
// client can send any User-Agent.
//
// This package may still change in ways that break programs.
package useragent

import "strings"

// What is no product with a name is one of these kinds. They are words, so a page shows
// them in its own language.
const (
	App               = "an app"
	GoogleApp         = "the Google app"
	PythonProgram     = "a Python program"
	GoProgram         = "a Go program"
	JavaScriptProgram = "a JavaScript program"
	JavaProgram       = "a Java program"
	AppleDevice       = "an Apple device"
)

// Kinds lists the kinds.
var Kinds = []string{App, GoogleApp, PythonProgram, GoProgram, JavaScriptProgram, JavaProgram, AppleDevice}

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
	{"GSA/", GoogleApp},

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
	{"; wv)", App},
	{"Electron/", App},
	{"Chromium/", "Chromium"}, {"HeadlessChrome/", "Chrome"}, {"Chrome/", "Chrome"}, {"CriOS/", "Chrome"},
	{"MSIE ", "Internet Explorer"}, {"Trident/", "Internet Explorer"},
	{"Safari/", "Safari"},
	{"AppleWebKit/", App},

	{"curl/", "curl"},
	{"Wget/", "Wget"},
	{"PostmanRuntime/", "Postman"},
	{"python-requests/", PythonProgram}, {"python-httpx/", PythonProgram}, {"Python/", PythonProgram}, {"Python-urllib/", PythonProgram},
	{"Go-http-client/", GoProgram},
	{"axios/", JavaScriptProgram}, {"undici", JavaScriptProgram}, {"node", JavaScriptProgram},
	{"okhttp/", App}, {"CFNetwork/", App}, {"Dart/", App},
	{"Java/", JavaProgram}, {"Java-http-client/", JavaProgram},
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
	{"Macintosh", "macOS"}, {"Mac OS X", "macOS"}, {"Darwin/", AppleDevice},
	{"FreeBSD", "FreeBSD"}, {"OpenBSD", "OpenBSD"}, {"NetBSD", "NetBSD"},
	{"Linux", "Linux"}, {"linux", "Linux"}, {"X11", "Unix"},
}

// Parse returns the browser and the system, as far as the header names them: the name
// of a product, such as Firefox, or one of the Kinds. What the header does not name is
// "". The result never contains text of the header.
func Parse(header string) (browser, system string) {
	return find(browsers, header), find(systems, header)
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
