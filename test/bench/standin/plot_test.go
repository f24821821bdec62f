package main

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// A plot is XML, with a line for each name and a dot for each point.
func TestPlot(t *testing.T) {
	svg := plot([]point{{Name: "a & b", Calls: 100, CPU: 4}, {Name: "a & b", Calls: 2000, CPU: 2.5}, {Name: "other", Calls: 100, CPU: 3}})
	found := map[string]int{}
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			found[start.Name.Local]++
		}
	}
	if found["polyline"] != 2 || found["circle"] != 3 {
		t.Errorf("%v, want 2 polylines and 3 circles in\n%s", found, svg)
	}
}
