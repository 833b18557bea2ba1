package kube

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Values are spelt as an API server does, and no field comes or goes.
func TestNormalised(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ object, want string }{
		"quantities": {
			`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"1000m","memory":"1024Mi"}}}]}}`,
			`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"1","memory":"1Gi"}}}]}}`,
		},
		"a kind of others": {
			`{"apiVersion":"example.com/v1","kind":"Widget","spec":{"cpu":"1000m"}}`,
			`{"apiVersion":"example.com/v1","kind":"Widget","spec":{"cpu":"1000m"}}`,
		},
		"an unknown field": {
			`{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"b"},"dataa":{"c":"d"}}`,
			`{"apiVersion":"v1","data":{"a":"b"},"dataa":{"c":"d"},"kind":"ConfigMap"}`,
		},
		"a wrong type": {
			`{"apiVersion":"v1","kind":"ConfigMap","data":"b"}`,
			`{"apiVersion":"v1","data":"b","kind":"ConfigMap"}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			object := &unstructured.Unstructured{}
			if err := json.Unmarshal([]byte(test.object), &object.Object); err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(normalised(object).Object)
			if err != nil || string(got) != test.want {
				t.Errorf("got %s (%v), want %s", got, err, test.want)
			}
		})
	}
}
