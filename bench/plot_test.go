package bench_test

import (
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plot is a picture of a table, in docs/pictures.
type plot struct {
	file, title string
	across, up  string // what the axes show; the one across is logarithmic
	lines       []line
}

type line struct {
	name   string
	points [][2]float64
}

// The picture's size, and where its axes are.
const (
	width, height            = 720, 320
	left, right, top, bottom = 80, 580, 56, 264
)

// style is readable on light and on dark pages.
const style = `text { font: 13px system-ui, "DejaVu Sans", sans-serif; fill: #221f1c; }
    .head { font-weight: bold; font-size: 15px; }
    .ground { fill: #f4f1ec; }
    .rule { stroke: #d8d3ca; }
    .line { stroke-width: 2.5; fill: none; }
    .line0 { stroke: #8c2f2a; } .dot0 { fill: #8c2f2a; }
    .line1 { stroke: #2a5d8c; stroke-dasharray: 6 4; } .dot1 { fill: #2a5d8c; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0ece6; }
      .ground { fill: #1d1a18; }
      .rule { stroke: #4a443e; }
      .line0 { stroke: #e08a80; } .dot0 { fill: #e08a80; }
      .line1 { stroke: #8ab8e0; } .dot1 { fill: #8ab8e0; }
    }`

func (p *plot) write(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join("..", "docs", "pictures", p.file), []byte(p.svg()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// svg draws the plot. The axis upwards begins at 0, so that flat lines look flat.
func (p *plot) svg() string {
	first, last, most := math.Inf(1), 0.0, 0.0
	for _, l := range p.lines {
		for _, point := range l.points {
			first, last, most = min(first, point[0]), max(last, point[0]), max(most, point[1])
		}
	}
	step := roundStep(most / 4)
	most = math.Ceil(most/step) * step
	x := func(v float64) float64 { return left + (right-left)*math.Log(v/first)/math.Log(last/first) }
	y := func(v float64) float64 { return bottom - (bottom-top)*v/most }

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="title desc">
  <title id="title">%[3]s</title>
  <desc id="desc">%[4]s</desc>
  <style>
    %[5]s
  </style>
  <rect class="ground" width="%[1]d" height="%[2]d" rx="8"/>
  <text class="head" x="%[6]d" y="26">%[3]s</text>
  <text x="%[6]d" y="46">%[7]s</text>
`, width, height, escaped(p.title), escaped(p.words()), style, left, escaped(p.up))
	for v := 0.0; v <= most; v += step {
		fmt.Fprintf(&b, "  <path class=\"rule\" d=\"M%d %.1f H%d\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left, y(v), right, left-8, y(v)+4, number(v))
	}
	for _, point := range p.lines[0].points {
		fmt.Fprintf(&b, "  <text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x(point[0]), bottom+20, number(point[0]))
	}
	fmt.Fprintf(&b, "  <text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", (left+right)/2, bottom+42, escaped(p.across))
	for i, l := range p.lines {
		var path []string
		for _, point := range l.points {
			path = append(path, fmt.Sprintf("%.1f %.1f", x(point[0]), y(point[1])))
			fmt.Fprintf(&b, "  <circle class=\"dot%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", i, x(point[0]), y(point[1]))
		}
		end := l.points[len(l.points)-1]
		fmt.Fprintf(&b, "  <path class=\"line line%d\" d=\"M%s\"/><text x=\"%d\" y=\"%.1f\">%s</text>\n", i, strings.Join(path, " L"), right+12, y(end[1])+4, escaped(l.name))
	}
	return b.String() + "</svg>\n"
}

// words say what the plot shows, for those who do not see it.
func (p *plot) words() string {
	var all []string
	for _, l := range p.lines {
		var points []string
		for _, point := range l.points {
			points = append(points, number(point[1])+" at "+number(point[0]))
		}
		all = append(all, l.name+": "+strings.Join(points, ", "))
	}
	return p.up + ", by " + p.across + ". " + strings.Join(all, "; ") + "."
}

// roundStep returns the next larger 1, 2 or 5 with zeros.
func roundStep(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 2, 5} {
		if v <= step*unit {
			return step * unit
		}
	}
	return 10 * unit
}

func escaped(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text)) // a Builder returns no error
	return b.String()
}

func TestPlot(t *testing.T) {
	p := &plot{title: "a < b", across: "sessions", up: "ns", lines: []line{{"one & other", [][2]float64{{10, 900}, {1000, 1100}}}}}
	svg := p.svg()
	if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil {
		t.Errorf("not XML: %v", err)
	}
	for _, want := range []string{"one &amp; other: 900 at 10, 1,100 at 1,000.", `cx="80.0" cy="139.2"`, `cx="580.0" cy="111.5"`, ">1,500<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("there is no %s in\n%s", want, svg)
		}
	}
}
