package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// allNames are the params of the settings.
func allNames() (names []string) {
	for i := range table {
		names = append(names, table[i].Param)
	}
	return names
}

// profileNames are the params of a profile.
func profileNames() (names []string) {
	names = append(names, prewarmParam)
	for name := range startParams {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := range table {
		if table[i].Variable != "" {
			names = append(names, table[i].Param)
		}
	}
	return names
}

// unknown is the error for a param that does not exist, with the names that are most like it.
func unknown(name string, known []string) error {
	type candidate struct {
		name string
		away int
	}
	var near []candidate
	for _, k := range known {
		away := distance(strings.ToLower(name), k)
		part := len(name) >= 4 && (strings.Contains(k, name) || strings.Contains(name, k))
		if part || away <= max(2, len(name)/3) {
			near = append(near, candidate{k, away})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.away, b.away) })
	var names []string
	for _, c := range near[:min(len(near), 3)] {
		names = append(names, c.name)
	}
	if names == nil {
		return fmt.Errorf("param %q: expected one of %s", clip(name), strings.Join(known, ", "))
	}
	return fmt.Errorf("param %q: unknown, did you mean %s?", clip(name), strings.Join(names, " or "))
}

// distance is how many characters must be added, removed or replaced to turn a into b.
func distance(a, b string) int {
	if len(a) > 100 { // no name is that long
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
