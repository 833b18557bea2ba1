package view

import (
	"bytes"
	"testing"
)

// TestStubText shows the lines that change, with those around them.
func TestStubText(t *testing.T) {
	s := NewStub("bank", "bank.db.example.com")
	s.Clusters = []StubCluster{
		{
			Cluster: "use1", State: "absent", Object: "ConfigMap kube-system/coredns", Key: "Corefile", Changes: true,
			Before: ". {\n  log\n}\n", After: ". {\n  log\n}\n# quorate:begin bank 1\n# quorate:end bank\n", Notes: []string{"line 3: something"},
		},
		{Cluster: "usw1", State: "present", Object: "ConfigMap kube-system/coredns", Key: "Corefile", Changes: true, Before: "a\nb\nc\nd\ne\nf", After: "a\nb\nc\ne\nf"},
		{Cluster: "euw1", State: "unreachable", Why: "no route"},
		{Cluster: "euw4", State: "absent", Object: "the values", Key: "configurationValues", Changes: true, After: "{}\n", Whole: true},
	}
	var out bytes.Buffer
	s.Text(&out, Style{})
	const want = `use1  absent  ConfigMap kube-system/coredns, Corefile
  note: line 3: something
      2     log
      3   }
      4 + # quorate:begin bank 1
      5 + # quorate:end bank

usw1  present  ConfigMap kube-system/coredns, Corefile
      2   b
      3   c
      4 - d
      4   e
      5   f

euw1  unreachable
  no route

euw4  absent  the values, configurationValues
{}
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestStubJSON(t *testing.T) {
	s := NewStub("bank", "bank.db.example.com")
	var out bytes.Buffer
	if err := s.JSON(&out); err != nil || !bytes.Contains(out.Bytes(), []byte(`"clusters": []`)) {
		t.Errorf("%v %s", err, out.String())
	}
	s.Clusters = []StubCluster{
		{Cluster: "use1", Flavour: "corefile", State: "absent", Object: "ConfigMap kube-system/coredns", Key: "Corefile", Changes: true, Before: "a\n", After: "a\nb\n", Notes: []string{"see"}},
		{Cluster: "euw1", State: "unreachable", Why: "no route"},
	}
	const want = `{
  "format_version": "1.0",
  "deployment": "bank",
  "zone": "bank.db.example.com",
  "clusters": [
    {
      "cluster": "use1",
      "flavour": "corefile",
      "object": "ConfigMap kube-system/coredns",
      "key": "Corefile",
      "state": "absent",
      "changes": true,
      "notes": [
        "see"
      ],
      "before": "a\n",
      "after": "a\nb\n"
    },
    {
      "cluster": "euw1",
      "state": "unreachable",
      "why": "no route",
      "changes": false,
      "notes": []
    }
  ]
}
`
	out.Reset()
	if err := s.JSON(&out); err != nil || out.String() != want {
		t.Errorf("%v got:\n%s", err, out.String())
	}
}
