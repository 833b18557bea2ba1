package build

import "bytes"

// Moulded is how many of the directories come from a mould, and whether each of them is what kustomize makes of it; All
// itself only looks at one of a family.
func Moulded(files map[string][]byte, dirs []string) (n int, right bool) {
	memory, err := inMemory(files)
	if err != nil {
		return 0, false
	}
	w := &workshop{files: files, memory: memory, out: make([]Built, len(dirs)), ownSchema: bringsSchema(files)}
	for i, dir := range dirs {
		w.out[i].Dir = dir
	}
	for _, family := range w.families() {
		m, err := w.mouldOf(family[0])
		if len(family) < worthSharing || err != nil {
			continue
		}
		for _, member := range family {
			got, _ := m.fill(member.form.values)
			want, err := w.krusty(w.out[member.at].Dir)
			if err != nil || !bytes.Equal(got, want) {
				return n, false
			}
			n++
		}
	}
	return n, true
}
