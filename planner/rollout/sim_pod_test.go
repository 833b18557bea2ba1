package rollout_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"quorate.dev/quorate/regions"
)

// pod is one pod and what its kubelet does.
type pod struct {
	*set
	id          regions.ReplicaID
	uid         string
	revision    string
	image       string
	phase       string
	ready       bool
	readySince  time.Time
	terminating bool
	ip          string
	waiting     string
	gone        bool
	taken       time.Time // by hand
}

func (p *pod) up() bool { return p.phase == "Running" && p.ready && !p.terminating && p.waiting == "" }

func (p *pod) state() regions.PodState {
	state := regions.PodState{
		ID: p.id, UID: p.uid, Revision: p.revision, Phase: p.phase, Ready: p.ready, ReadySince: p.readySince,
		Terminating: p.terminating, Node: nodeName(p.cluster, p.seat()), Zone: p.zone(p.seat()),
		Image: p.image, Waiting: p.waiting,
	}
	if p.ip != "" {
		state.IPs = []string{p.ip}
	}
	if p.waiting != "" {
		state.WaitingMessage = "manifest for " + p.image + " not found"
	}
	return state
}

// seat is the pod's number in its cluster, round the zones: that of its node.
func (p *pod) seat() int {
	if zone, perZone := strings.CutPrefix(p.id.Pool, "bank-"+p.cluster.name+"-"); perZone {
		return 3*p.id.Ordinal + int(zone[0]-'a')
	}
	return p.id.Ordinal
}

// create makes a replica's pod at a revision.
func (s *set) create(ordinal int, revision string) {
	s.address++
	p := &pod{
		set: s, id: s.id(ordinal), uid: fmt.Sprintf("%s-%s-%d", s.cluster.name, s.podName(ordinal), s.address),
		revision: revision, phase: "Pending", image: imageOf(s.templateNamed(revision)),
	}
	s.pods[s.podName(ordinal)] = p
	s.claims["data-"+s.podName(ordinal)] = true
	s.logf("%s created at %s", p.id, revision)
	s.touch()
	s.after(s.some(s.opts.startTime), p.start)
}

func (s *set) templateNamed(revision string) map[string]any {
	for _, r := range s.revisions {
		if r.Name == revision {
			return r.Template
		}
	}
	return nil
}

// start pulls the image and runs it, or fails to for ever.
func (p *pod) start() {
	if p.terminating || p.gone {
		return
	}
	if broken(p.image) {
		p.waiting = map[string]string{"": "ErrImagePull", "ErrImagePull": "ImagePullBackOff", "ImagePullBackOff": "ErrImagePull"}[p.waiting]
		p.touch()
		p.after(10*time.Second, p.start)
		return
	}
	p.phase, p.ip = "Running", fmt.Sprintf("10.%d.0.%d", len(p.cluster.name), p.address)
	p.touch()
	p.poke()
	p.publish()
	p.becomeReady()
}

// becomeReady is the readiness probe: the database answers once it is initialised.
func (p *pod) becomeReady() {
	if !p.database.initialised && !p.opts.selfReady && !p.database.votes() {
		return // the initialisation comes back to it
	}
	p.after(p.some(p.opts.startTime), func() {
		if p.terminating || p.gone || p.ready {
			return
		}
		p.ready, p.readySince = true, time.Now()
		p.logf("%s ready at %s", p.id, p.revision)
		p.database.joined(p.id)
		p.touch()
		p.poke()
	})
}

// remove deletes a pod with its grace period; why is who did it.
func (s *set) remove(p *pod, why string) {
	if p.terminating || p.gone {
		return
	}
	s.logf("%s deleted: %s", p.id, why)
	s.takenDown(p, why)
	p.terminating = true
	if why == "hand" {
		p.taken = time.Now()
	}
	s.database.left(p.id)
	s.touch()
	s.after(s.some(s.opts.startTime), func() {
		p.gone = true
		delete(s.pods, s.podName(p.id.Ordinal))
		p.publish()
		s.touch()
		s.poke()
	})
}

// publish tells the authority, which answers with it later.
func (p *pod) publish() {
	ip := p.ip
	if p.gone {
		ip = ""
	}
	p.after(p.some(p.opts.nameLag), func() {
		if now := p.pods[p.podName(p.id.Ordinal)]; ip == "" && now != nil && now.ip != "" {
			return
		}
		p.database.published[p.name()] = ip
	})
}

func (p *pod) name() string {
	return p.setName + "-" + strconv.Itoa(p.id.Ordinal) + "." + p.cluster.name + "." + p.topology.Spec.DNS.Zone + "."
}
