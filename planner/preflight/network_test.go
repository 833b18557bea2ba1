package preflight

import (
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNetworkVerdicts(t *testing.T) {
	t.Parallel()
	asked := []Question{
		{AskTCP, "10.2.0.4:26257", "two"},
		{AskTCP, "10.2.0.4:8080", "two"},
		{AskName, "kubernetes.default.svc", ""},
		{AskAuthority, "10.0.0.53:53/join-0.db.example.com", ""},
	}
	good := func() []Answer {
		return []Answer{
			{AskTCP, "10.2.0.4:26257", 30 * time.Millisecond, ""},
			{AskTCP, "10.2.0.4:8080", 31400 * time.Microsecond, ""},
			{AskName, "kubernetes.default.svc", 0, ""},
			{AskAuthority, "10.0.0.53:53/join-0.db.example.com", 0, ""},
		}
	}
	for name, test := range map[string]struct {
		probe func() *Probe
		want  []string
	}{
		"not asked": {func() *Probe { return nil }, nil},
		"all well":  {func() *Probe { return Learned("one", "p", asked, good()) }, nil},
		"a silent port": {func() *Probe {
			answers := good()
			answers[1].Error = "i/o timeout"
			return Learned("one", "p", asked, answers)
		}, []string{"one/network failed: no TCP connection to two at 10.2.0.4:8080: i/o timeout"}},
		"no answer of the probe": {func() *Probe { return Learned("one", "p", asked, good()[1:]) }, []string{"one/network failed: no TCP connection to two at 10.2.0.4:26257: no answer came"}},
		"no cluster DNS": {func() *Probe {
			answers := good()
			answers[2].Error, answers[3].Error = "no such host", "it answers REFUSED"
			return Learned("one", "p", asked, answers)
		}, []string{"one/pod-dns failed: kubernetes.default.svc is not found by a pod: no such host", "one/pod-dns failed: name server 10.0.0.53:53 does not speak for join-0.db.example.com to a pod: it answers REFUSED"}},
		"no pod":  {func() *Probe { return &Probe{Problem: "no image", Mend: "x"} }, []string{"one/network failed: no image"}},
		"no bash": {func() *Probe { return &Probe{Problem: "no bash", Mend: "x", Doubt: true} }, []string{"one/network warning: no bash"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := sound()
			sites[0].Probe = test.probe()
			found := Judge(Settings{ZoneLabels: true, Flat: true}, sites)
			got := troubled(found)
			if len(got) != len(test.want) || slices.ContainsFunc(test.want, func(want string) bool {
				return !slices.ContainsFunc(got, func(g string) bool { return strings.Contains(g, want) })
			}) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			told := slices.ContainsFunc(found, func(f Finding) bool { return f.Check == "network" && f.Message == "reaches two in 31 ms" })
			if told != (name == "all well" || name == "no cluster DNS") {
				t.Errorf("the round trip is told: %t; %+v", told, found)
			}
		})
	}
}

// What a probe prints is read as it was meant, whatever else its image says.
func TestAnswersSurviveTheirLines(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.Custom(func(t *rapid.T) Answer {
			a := Answer{Kind: rapid.SampledFrom([]string{AskTCP, AskName, AskAuthority}).Draw(t, "kind"), Target: rapid.StringMatching(`[a-z0-9:\[\]./-]{1,30}`).Draw(t, "target")}
			if rapid.Bool().Draw(t, "well") {
				a.RTT = time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "us")) * time.Microsecond
			} else {
				a.Error = strings.Join(strings.Fields(rapid.StringMatching(`[a-z: \t\n]{0,40}x`).Draw(t, "error")), " ")
			}
			return a
		})
		want := rapid.SliceOf(one).Draw(t, "answers")
		var text strings.Builder
		for _, a := range want {
			text.WriteString("a banner of the image\n" + a.Line())
		}
		if got := ReadAnswers(text.String()); !slices.Equal(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func FuzzReadAnswers(f *testing.F) {
	f.Add("tcp\t10.0.0.1:1\tok\t17\nname\tx\tfailed\tno\n")
	f.Add("tcp\t\tok\t-1\n\t\t\t\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, a := range ReadAnswers(text) {
			if a.RTT < 0 || a.Error != "" && a.RTT != 0 {
				t.Errorf("%+v", a)
			}
		}
	})
}

// The command for replicas is run as they would run it.
func TestReplicaCommand(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Fatal("this test needs bash, as `make` does")
	}
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	defer func() { _ = open.Close() }()
	asked := []Question{{AskTCP, open.Addr().String(), "two"}, {AskTCP, closed.Addr().String(), "two"}, {AskName, "localhost", ""}, {AskName, "nosuch.invalid", ""}}
	argv := ReplicaCommand(asked)
	out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).Output()
	if err != nil {
		t.Fatal(err)
	}
	p := Learned("one", "p", asked, ReadAnswers(string(out)))
	if ok := p.Paths[0]; ok.Error != "" || ok.RTT <= 0 || ok.RTT > time.Second {
		t.Errorf("where somebody listens: %+v\n%s", ok, out)
	}
	if refused := p.Paths[1]; !strings.Contains(refused.Error, "refused") {
		t.Errorf("where nobody listens: %+v\n%s", refused, out)
	}
	if p.Names[0].Error != "" || !strings.Contains(p.Names[1].Error, "does not find it") {
		t.Errorf("names: %+v\n%s", p.Names, out)
	}
}
