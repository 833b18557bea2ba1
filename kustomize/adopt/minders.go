package adopt

import (
	"regexp"
	"slices"
	"strings"
)

// minder is the tool that applies an object again and again, empty where none left its mark. The marks are those that the tools
// document: Argo CD, "Resource Tracking"; Flux, "Kustomization" and "HelmRelease". Argo CD's default label,
// app.kubernetes.io/instance, is used by many others and tells nothing.
func minder(object map[string]any) string {
	metadata := fields(object, "metadata")
	labels, annotations := fields(metadata, "labels"), fields(metadata, "annotations")
	switch {
	case annotations["argocd.argoproj.io/tracking-id"] != nil, labels["argocd.argoproj.io/instance"] != nil:
		return "Argo CD"
	case labels["kustomize.toolkit.fluxcd.io/name"] != nil, labels["helm.toolkit.fluxcd.io/name"] != nil:
		return "Flux"
	}
	return ""
}

// passwordName matches names of variables whose values are no business of files.
var passwordName = regexp.MustCompile(`(?i)(passw(or)?d|passphrase|secret|token|credential|(api|access|private)_?key)$`)

// passwords are the variables of a set's containers that seem to hold one as they stand, sorted, each once.
func passwords(set map[string]any) []string {
	var out []string
	spec := fields(set, "spec", "template", "spec")
	for _, c := range slices.Concat(items(spec, "initContainers"), items(spec, "containers")) {
		for _, e := range items(c, "env") {
			if value := text(e, "value"); value != "" && !strings.HasPrefix(value, "/") && passwordName.MatchString(text(e, "name")) {
				out = append(out, text(e, "name"))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
