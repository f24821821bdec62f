package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// The plot's size, and the frame within it, in SVG's units.
const (
	plotWidth, plotHeight = 640., 360.
	left, right           = 60., 620.
	top, bottom           = 40., 310.
)

var colours = []string{"#1f77b4", "#d62728", "#2ca02c", "#9467bd"}

// readPoints reads lines that an earlier sweep has printed.
func readPoints(path string) (points []point, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if !bytes.HasPrefix(lines.Bytes(), []byte("{")) {
			continue
		}
		var p point
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		points = append(points, p)
	}
	return points, nil
}

// plot draws processor time per call against the number of calls, a line for each name.
func plot(points []point) string {
	names, mostCalls, mostCPU := []string(nil), 1., 1e-3
	for _, p := range points {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
		mostCalls, mostCPU = max(mostCalls, float64(p.Calls)), max(mostCPU, p.CPU)
	}
	stepX, stepY := step(mostCalls), step(mostCPU)
	mostCalls, mostCPU = math.Ceil(mostCalls/stepX)*stepX, math.Ceil(mostCPU/stepY)*stepY
	x := func(calls float64) float64 { return left + (right-left)*calls/mostCalls }
	y := func(cpu float64) float64 { return bottom - (bottom-top)*max(cpu, 0)/mostCPU }

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="#fff"/>`+"\n", plotWidth, plotHeight)
	for v := 0.; v <= mostCPU+stepY/2; v += stepY {
		fmt.Fprintf(&b, `<path d="M%g %.1fH%g" stroke="#ddd"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y(v), right, left-6, y(v)+4, number(v))
	}
	for v := 0.; v <= mostCalls+stepX/2; v += stepX {
		fmt.Fprintf(&b, `<path d="M%.1f %gV%g" stroke="#ddd"/><text x="%.1f" y="%g" text-anchor="middle">%s</text>`+"\n",
			x(v), top, bottom, x(v), bottom+18, number(v))
	}
	fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="middle">calls</text>`+"\n", (left+right)/2, bottom+38)
	fmt.Fprintf(&b, `<text x="%g" y="%g">processor time of a stream, ms per s</text>`+"\n", left, top-18)
	for i, name := range names {
		colour := colours[i%len(colours)]
		var line, dots strings.Builder
		for _, p := range slices.SortedStableFunc(slices.Values(points), func(a, b point) int { return a.Calls - b.Calls }) {
			if p.Name != name {
				continue
			}
			at := fmt.Sprintf("%.1f,%.1f", x(float64(p.Calls)), y(p.CPU))
			fmt.Fprint(&line, at, " ")
			fmt.Fprintf(&dots, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(float64(p.Calls)), y(p.CPU), colour)
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>%s`+"\n", strings.TrimSpace(line.String()), colour, dots.String())
		fmt.Fprintf(&b, `<text x="%g" y="%g" fill="%s" text-anchor="end">%s</text>`+"\n", right, top-18+14*float64(i), colour, escape(name))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// step is the distance of grid lines: 1, 2 or 5 times a power of ten, and five to ten lines.
func step(most float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, n := range []float64{1, 2, 5} {
		if most/(n*power) <= 8 {
			return n * power
		}
	}
	return 10 * power
}

func number(x float64) string { return fmt.Sprintf("%.4g", x) }

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
