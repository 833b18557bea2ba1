//go:build linux

package nodes

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"quorate.dev/quorate/cmd/sandbox/internal/namespaces"
)

func TestDescriptionSurvivesTheDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "place.json")
	written := Description{
		HostName: "a-n0", Started: "/s", Logs: "/l", Keep: []string{"/k"}, Covers: []Cover{{Target: "/run"}, {Target: "/tmp/x", Source: "/y", Make: true}},
		Sysctls: []string{"kernel/panic"}, SysctlDir: "/d", Forward: true, Environment: []string{"A=b"},
		Components: []Component{{Name: "c", Args: []string{"/bin/c"}, Socket: "/sock", Images: true, API: &API{URL: "https://x", Authority: "/ca"}}},
		Images:     &Images{Command: []string{"ctr"}, Needed: []string{"a"}, Archives: []string{"b"}, Extra: "/e", Notes: "/n", All: "/all", Socket: "/sock"},
	}
	if err := written.Write(file); err != nil {
		t.Fatal(err)
	}
	if read, err := Read(file); err != nil || !reflect.DeepEqual(read, written) {
		t.Errorf("%+v, %v", read, err)
	}
	if _, err := Read(file + "x"); err == nil {
		t.Error("a missing description is no error")
	}
}

func TestBackOff(t *testing.T) {
	var waits []time.Duration
	for wait := time.Duration(0); len(waits) < 7; waits = append(waits, wait) {
		wait = backOff(wait, time.Second)
	}
	want := []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond, 3200 * time.Millisecond, 5 * time.Second, 5 * time.Second}
	if !reflect.DeepEqual(waits, want) {
		t.Errorf("waits %v", waits)
	}
	if wait := backOff(longestWait, steady); wait != firstWait {
		t.Errorf("after a steady run it waits %s", wait)
	}
}

func TestAPlaceWhoseMakerDiedDoesNotStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "place.json")
	if err := (Description{HostName: "a"}).Write(file); err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{"", "proc", strings.ToUpper(namespaces.Proceed)} {
		if err := awaitProceed(strings.NewReader(said), "a"); err == nil {
			t.Errorf("it went on after %q", said)
		}
	}
	if err := awaitProceed(strings.NewReader(namespaces.Proceed), "a"); err != nil {
		t.Error(err)
	}
}

func TestAnArchiveIsImportedOncePerVersion(t *testing.T) {
	dir := t.TempDir()
	archive := filepath.Join(dir, "x.tar")
	images := Images{Notes: dir}
	seen := map[string]bool{}
	for i, content := range []string{"one", "three"} {
		if err := os.WriteFile(archive, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		note, err := images.note(archive)
		again, errAgain := images.note(archive)
		if err != nil || errAgain != nil || note != again || seen[note] {
			t.Errorf("version %d: %s, %s, %v, %v", i, note, again, err, errAgain)
		}
		seen[note] = true
		if err := images.Note(archive); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(note); err != nil {
			t.Error(err)
		}
	}
}

func TestAwaitFileEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if (supervisor{}).awaitFile(ctx, "/nowhere/at/all") {
			t.Error("a file was found that is not there")
		}
		if !(supervisor{}).awaitFile(t.Context(), "") || !(supervisor{}).awaitFile(t.Context(), "/") {
			t.Error("it waits for what is there, or for nothing")
		}
	})
}

func TestAwaitAPIWaitsForReadiness(t *testing.T) {
	asked := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path != "/readyz" || asked < 3 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	authority := filepath.Join(t.TempDir(), "ca.crt")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(authority, block, 0o600); err != nil {
		t.Fatal(err)
	}
	if !(supervisor{}).awaitAPI(t.Context(), &API{URL: server.URL, Authority: authority}) || asked != 3 {
		t.Errorf("it went on after %d questions", asked)
	}
	if !(supervisor{}).awaitAPI(t.Context(), nil) {
		t.Error("it waits for nothing")
	}
}
