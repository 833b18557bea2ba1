package adopt

import "slices"

// references are the names that pod templates hold.
type references struct {
	services, configMaps, accounts, secrets []string // sorted, each once
}

// needs are the references of the sets' templates.
func needs(sets []map[string]any) references {
	var r references
	for _, set := range sets {
		r.services = append(r.services, text(set, "spec", "serviceName"))
		spec := fields(set, "spec", "template", "spec")
		if account := text(spec, "serviceAccountName"); account != "default" { // which every namespace has
			r.accounts = append(r.accounts, account)
		}
		for _, s := range items(spec, "imagePullSecrets") {
			r.secrets = append(r.secrets, text(s, "name"))
		}
		for _, v := range items(spec, "volumes") {
			r.volume(v)
		}
		for _, c := range slices.Concat(items(spec, "initContainers"), items(spec, "containers")) {
			r.container(c)
		}
	}
	for _, list := range []*[]string{&r.services, &r.configMaps, &r.accounts, &r.secrets} {
		*list = slices.DeleteFunc(*list, func(s string) bool { return s == "" })
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return r
}

func (r *references) volume(v map[string]any) {
	r.configMaps = append(r.configMaps, text(v, "configMap", "name"))
	r.secrets = append(r.secrets, text(v, "secret", "secretName"))
	for _, source := range items(v, "projected", "sources") {
		r.configMaps = append(r.configMaps, text(source, "configMap", "name"))
		r.secrets = append(r.secrets, text(source, "secret", "name"))
	}
}

func (r *references) container(c map[string]any) {
	for _, e := range items(c, "env") {
		r.configMaps = append(r.configMaps, text(e, "valueFrom", "configMapKeyRef", "name"))
		r.secrets = append(r.secrets, text(e, "valueFrom", "secretKeyRef", "name"))
	}
	for _, e := range items(c, "envFrom") {
		r.configMaps = append(r.configMaps, text(e, "configMapRef", "name"))
		r.secrets = append(r.secrets, text(e, "secretRef", "name"))
	}
}
