package kube

import (
	"encoding/json"
	"strings"
)

// longValue is how much of a refused value is worth reading.
const longValue = 80

// withoutValues drops from the API server's sentence the long values that it quotes, such as a
// whole pod template before "field is immutable" (apimachinery, field.Error: <path>: <kind>: <value>: <detail>).
func withoutValues(sentence string) string {
	const marker = " value: "
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(sentence, marker)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		decoder := json.NewDecoder(strings.NewReader(rest))
		var value json.RawMessage
		if err := decoder.Decode(&value); err == nil && len(value) > longValue {
			rest = "…" + rest[decoder.InputOffset():]
		}
		out.WriteString(marker)
		sentence = rest
	}
}
