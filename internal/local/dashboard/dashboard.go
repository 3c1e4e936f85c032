// Package dashboard draws a CloudWatch dashboard, for docs/pictures: its widgets where they
// are, with their titles and legends. The curves are invented.
package dashboard

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"html"
	"math"
	"regexp"
	"strings"
)

// Body returns the body of the dashboard where each resource has its logical ID as its name.
// The text is that of Fn::Sub in template.yaml. Values has what stands for some of the names
// in it.
func Body(text string, values map[string]string) string {
	for name, value := range values {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	return regexp.MustCompile(`\$\{(?:AWS::)?([A-Za-z]+)(?:\.Arn)?\}`).ReplaceAllString(text, "$1")
}

type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title   string
		Alarms  []string
		Metrics [][]any
	}
}

// line is one curve of a graph.
type line struct{ label, color string }

// The size of a column and a row of the dashboard, the space around a widget, and a line of text.
const (
	column, row, gap = 40, 32, 6
	textLine         = 14
)

// Draw draws a dashboard with this body as an SVG image.
func Draw(body string) (string, error) {
	var board struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(body), &board); err != nil {
		return "", err
	}
	rows := 0
	var out strings.Builder
	for _, w := range board.Widgets {
		rows = max(rows, w.Y+w.Height)
		w.draw(&out)
	}
	return fmt.Sprintf(head, 24*column+2*gap, rows*row+2*gap) + out.String() + "</svg>\n", nil
}

const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="title desc">
  <title id="title">The dashboard of the stack</title>
  <desc id="desc">Where each graph of the dashboard is, and what it shows. The curves are invented: a flood of sign-ins is refused, and its alarm rings.</desc>
  <style>
    text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: #221f1c; }
    .head { font-size: 13px; font-weight: bold; }
    .ground { fill: #f4f1ec; }
    .box { fill: #fffefa; stroke: #d8d3ca; }
    .rule { stroke: #e6e1d8; }
    .curve { fill: none; stroke-width: 1.5; }
    .ok { fill: #dcecdf; }
    .rings { fill: #f3c9bf; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0ece6; }
      .ground { fill: #1d1a18; }
      .box { fill: #292522; stroke: #4a443e; }
      .rule { stroke: #3a352f; }
      .ok { fill: #24402b; }
      .rings { fill: #6b2f24; }
    }
  </style>
  <rect class="ground" width="100%%" height="100%%" rx="8"/>
`

func (w widget) draw(out *strings.Builder) {
	x, y := w.X*column+2*gap, w.Y*row+2*gap
	width, height := w.Width*column-2*gap, w.Height*row-2*gap
	fmt.Fprintf(out, "  <rect class=\"box\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\"/>\n", x, y, width, height)
	fmt.Fprintf(out, "  <text class=\"head\" x=\"%d\" y=\"%d\">%s</text>\n", x+10, y+18, html.EscapeString(w.Properties.Title))
	if w.Type == "alarm" {
		w.drawAlarms(out, x+10, y+26, width-20)
		return
	}
	lines := w.lines()
	places, legend := flow(lines, width-20)
	plot := height - 32 - legend
	for i := range 4 {
		at := y + 28 + plot*i/3
		fmt.Fprintf(out, "  <path class=\"rule\" d=\"M%d %dh%d\"/>\n", x+10, at, width-20)
	}
	for i, l := range lines {
		fmt.Fprintf(out, "  <path class=\"curve\" stroke=\"%s\" d=\"%s\"/>\n", l.color, curve(w.Properties.Title, l.label, x+10, y+28, width-20, plot))
		at := places[i]
		fmt.Fprintf(out, "  <rect x=\"%d\" y=\"%d\" width=\"8\" height=\"8\" fill=\"%s\"/>\n", x+10+at[0], y+height-legend+at[1]-3, l.color)
		fmt.Fprintf(out, "  <text x=\"%d\" y=\"%d\">%s</text>\n", x+22+at[0], y+height-legend+at[1]+5, html.EscapeString(l.label))
	}
}

// colors are those of lines that name none.
var colors = []string{"#3a6ea5", "#b5482a", "#2f7d4f", "#c98a1b", "#6b4fa0", "#2a8c8c", "#a03f6e", "#7a6a52"}

// lines returns the lines of a graph, each with its label and color.
func (w widget) lines() (all []line) {
	for i, row := range w.Properties.Metrics {
		options, _ := row[len(row)-1].(map[string]any)
		label, _ := options["label"].(string)
		color, ok := options["color"].(string)
		if !ok {
			color = colors[i%len(colors)]
		}
		all = append(all, line{label, color})
	}
	return all
}

// flow gives each line a place in a legend of this width, and says how high the legend is.
func flow(lines []line, width int) (places [][2]int, height int) {
	x, y := 0, 4
	for _, l := range lines {
		needs := 24 + 13*len(l.label)/2
		if x > 0 && x+needs > width {
			x, y = 0, y+textLine
		}
		places = append(places, [2]int{x, y})
		x += needs
	}
	return places, y + textLine
}

// drawAlarms draws each alarm as a field; that of refused sign-ins rings.
func (w widget) drawAlarms(out *strings.Builder, x, y, width int) {
	var names []line
	for _, id := range w.Properties.Alarms {
		names = append(names, line{label: strings.TrimSuffix(id, "Alarm")})
	}
	places, _ := flow(names, width)
	for i, name := range names {
		class := "ok"
		if name.label == "RefusedSignIns" {
			class = "rings"
		}
		at := places[i]
		at[1] += at[1] / textLine * 8
		fmt.Fprintf(out, "  <rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"18\" rx=\"3\"/>\n", class, x+at[0], y+at[1], 14+13*len(name.label)/2)
		fmt.Fprintf(out, "  <text x=\"%d\" y=\"%d\">%s</text>\n", x+at[0]+6, y+at[1]+13, html.EscapeString(name.label))
	}
}

// The labels of what a flood makes, of what is there all the time, and of what lies above all.
var (
	floods = regexp.MustCompile(`^(refused|too early|4xx)$`)
	usual  = regexp.MustCompile(`^(ok|made|logout|replaced|idle|all|median|how many|forged)$`)
	above  = regexp.MustCompile(`^99 of 100`)
)

// curve returns a path for an invented day: how high it is, and its noise, come from the
// names. What is rare is a peak, or nothing.
func curve(title, label string, x, y, width, height int) string {
	const points = 48
	sum := fnv.New32a()
	sum.Write([]byte(title + label))
	seed := sum.Sum32()
	var d strings.Builder
	for i := range points {
		noise := float64((seed>>(i%24))&7) / 7
		day := 0.35 + 0.4*math.Sin(float64(i)/points*math.Pi) + 0.2*noise
		share := 0.02 // rare
		switch {
		case floods.MatchString(label):
			share = 0.04 + 0.04*noise + 0.8*math.Exp(-math.Pow(float64(i-36)/2, 2))*(1-float64(seed%4)/8)
		case above.MatchString(label):
			share = 0.9 * day
		case usual.MatchString(label) && !strings.HasSuffix(title, "functions"):
			share = float64(seed%40+20) / 100 * day
		case seed%3 == 0 && int(seed>>3)%points == i:
			share = 0.3
		}
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&d, "%s%d %.0f", command, x+width*i/(points-1), float64(y+height)-share*float64(height))
	}
	return d.String()
}
