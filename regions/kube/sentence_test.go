package kube

import (
	"strings"
	"testing"
)

func TestWithoutValues(t *testing.T) {
	long := `[{"name":"datadir","Spec":{"Resources":{"Requests":{"storage":"2Gi"}},"Note":"a \" Invalid value: quote"}}, "` + strings.Repeat("x", longValue) + `"]`
	tests := map[string]struct{ sentence, want string }{
		"a long value": {
			`StatefulSet.apps "zoo" is invalid: spec.volumeClaimTemplates: Invalid value: ` + long + `: field is immutable`,
			`StatefulSet.apps "zoo" is invalid: spec.volumeClaimTemplates: Invalid value: …: field is immutable`,
		},
		"several": {
			`[a: Invalid value: ` + long + `: no, b: Unsupported value: "Nevr": supported values: "Never"]`,
			`[a: Invalid value: …: no, b: Unsupported value: "Nevr": supported values: "Never"]`,
		},
		"no value":    {"admission webhook denied it", "admission webhook denied it"},
		"not encoded": {"a: Invalid value: {oops: no", "a: Invalid value: {oops: no"},
		"at its end":  {"a: Invalid value: ", "a: Invalid value: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := withoutValues(test.sentence); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
