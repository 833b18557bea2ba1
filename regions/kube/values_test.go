package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilexec "k8s.io/client-go/util/exec"
	"pgregory.net/rapid"

	"quorate.dev/quorate/regions"
)

func TestMaskHidesAndCompares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := newMasker(strings.NewReader(strings.Repeat(rapid.StringMatching(`[a-z]{4}`).Draw(t, "seed"), 8)))
		if err != nil {
			t.Fatal(err)
		}
		value := rapid.StringMatching(`[A-Z]{8,20}`).Draw(t, "value")
		secret := func(field string, v string) *unstructured.Unstructured {
			o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret", field: map[string]any{"k": v}}}
			o.SetAnnotations(map[string]string{corev1.LastAppliedConfigAnnotation: value})
			return o
		}
		written, plain := m.masked(secret("stringData", value)), secret("data", "eA==")
		if text := fmt.Sprint(written); strings.Contains(text, value) || !strings.Contains(text, "sha256:") {
			t.Fatal(text)
		}
		if reflect.DeepEqual(written, m.masked(plain)) {
			t.Fatal("other values compare equal")
		}
		if plain.Object["data"].(map[string]any)["k"] != "eA==" {
			t.Fatal("the object itself was masked")
		}
	})
}

func TestExitOf(t *testing.T) {
	cases := []struct {
		err   error
		code  int
		text  string
		ended bool
	}{
		{nil, 0, "", true},
		{fmt.Errorf("stream: %w", utilexec.CodeExitError{Err: errors.New("x"), Code: 3}), 3, "", true},
		{errors.New("command terminated with error"), -1, "command terminated with error", true},
		{errors.New("error executing command in container: cockroach: exit status 1"), -1, "error executing command in container: cockroach: exit status 1", true},
		{errors.New("error executing command in container: no such container"), 0, "", false},
		{context.DeadlineExceeded, 0, "", false},
	}
	for _, tc := range cases {
		if code, text, ended := exitOf(tc.err); code != tc.code || text != tc.text || ended != tc.ended {
			t.Errorf("%v: %d, %q, %v", tc.err, code, text, ended)
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	var out bounded
	n, err := io.Copy(&out, io.LimitReader(endless{}, 3*outputLimit))
	if err != nil || n != 3*outputLimit || len(out.String()) != outputLimit || !out.truncated {
		t.Errorf("%d taken, %d kept, truncated %v, %v", n, len(out.String()), out.truncated, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestRecordSurvivesEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z]{1,8}`)
		record := regions.Record{Exists: true, Clusters: rapid.MapOf(name, name).Draw(t, "clusters")}
		for range rapid.IntRange(0, 6).Draw(t, "objects") {
			record.Inventory = append(record.Inventory, regions.ObjectRef{APIVersion: "v1", Kind: name.Draw(t, "kind"), Name: name.Draw(t, "name")})
		}
		record.Database = regions.DatabaseRecord{IntentRun: name.Draw(t, "run"), Slots: []regions.ReplicaID{{Cluster: "c", Pool: "db", Ordinal: 2}}}
		data, err := encodeRecord(record, map[string]string{"theirs": "kept"})
		if err != nil || data["theirs"] != "kept" {
			t.Fatal(data, err)
		}
		stored := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "1"}, Data: data}
		got, err := (&Cluster{name: "c"}).decodeRecord(stored)
		if err != nil {
			t.Fatal(err)
		}
		again, err := encodeRecord(got, data)
		if err != nil || !reflect.DeepEqual(again, data) || !reflect.DeepEqual(got.Clusters, record.Clusters) || !reflect.DeepEqual(got.Database, record.Database) {
			t.Fatalf("%+v\n%+v\n%v", record, got, err)
		}
	})
	torn := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "quorate-bank", Namespace: "n"}, Data: map[string]string{keyClusters: "{"}}
	_, err := (&Cluster{name: "use1"}).decodeRecord(torn)
	for _, want := range []string{"use1", "quorate-bank", keyClusters} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

func TestLeaseClockCountsFromOurSighting(t *testing.T) {
	var clock leaseClock
	start := time.Unix(5000, 0)
	held := regions.LeaseState{Holder: "a", RenewTime: time.Unix(1, 0), Transitions: 1} // its holder's clock is far behind
	if since := clock.unchangedSince("n/l", held, start); !since.Equal(start) {
		t.Errorf("first seen at %s", since)
	}
	if since := clock.unchangedSince("n/l", held, start.Add(time.Minute)); !since.Equal(start) {
		t.Errorf("unchanged since %s, want %s", since, start)
	}
	held.RenewTime = time.Unix(2, 0)
	later := start.Add(2 * time.Minute)
	if since := clock.unchangedSince("n/l", held, later); !since.Equal(later) {
		t.Errorf("a renewal counts from when it was seen, not from %s", since)
	}
	if since := clock.unchangedSince("n/other", held, start); !since.Equal(start) {
		t.Error("two Leases share a sighting")
	}
}
