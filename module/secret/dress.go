package secret

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// dresses are the forms in which a secret may stand in a text: as it is, as part of a URL, as part of a Go or a JSON
// string, and each of these inside another JSON string. Some are the same.
func dresses(s string) []string {
	plain := inJSONString(s, false)
	all := []string{
		s, url.QueryEscape(s), url.PathEscape(s), inside(strconv.Quote(s)), inside(strconv.QuoteToASCII(s)),
		plain, inJSONString(s, true), strings.ReplaceAll(plain, "/", `\/`), // JavaScript and Python, Go, PHP
	}
	for _, d := range all {
		all = append(all, inJSONString(d, false))
	}
	return all
}

// inJSONString is s as it stands between the quotes of a JSON string.
func inJSONString(s string, escapeHTML bool) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(escapeHTML)
	_ = e.Encode(s) // no string is refused
	return inside(strings.TrimSuffix(out.String(), "\n"))
}

// inside is what stands between the quotes of a string.
func inside(quoted string) string { return quoted[1 : len(quoted)-1] }

// fitsJSON reports whether a text can stand between the quotes of a JSON string.
func fitsJSON(s string) bool { return utf8.ValidString(s) && gjson.Valid(`"`+s+`"`) }
