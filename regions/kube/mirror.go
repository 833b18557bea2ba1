package kube

import (
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// mirror is the latest known content of one resource, kept by a reflector. Unlike an
// informer's store it knows up to which resourceVersion its content goes.
type mirror struct {
	mu      sync.Mutex
	objects map[string]metav1.Object // by name; never changed once here
	version string
	synced  bool
	changed func()
}

var (
	_ cache.ReflectorStore         = (*mirror)(nil)
	_ cache.ReflectorBookmarkStore = (*mirror)(nil)
)

// Add keeps an object and its resourceVersion.
func (m *mirror) Add(object any) error {
	return m.take(object, func(o metav1.Object) { m.objects[o.GetName()] = o })
}

// Update is Add.
func (m *mirror) Update(object any) error { return m.Add(object) }

// Delete drops an object; what is given carries the deletion's resourceVersion.
func (m *mirror) Delete(object any) error {
	return m.take(object, func(o metav1.Object) { delete(m.objects, o.GetName()) })
}

func (m *mirror) take(object any, change func(metav1.Object)) error {
	accessor, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	m.mu.Lock()
	slim(accessor)
	change(accessor)
	m.version = accessor.GetResourceVersion()
	m.mu.Unlock()
	m.changed()
	return nil
}

// Replace takes a complete list.
func (m *mirror) Replace(list []any, version string) error {
	objects := make(map[string]metav1.Object, len(list))
	for _, item := range list {
		accessor, err := meta.Accessor(item)
		if err != nil {
			return err
		}
		slim(accessor)
		objects[accessor.GetName()] = accessor
	}
	m.mu.Lock()
	m.objects, m.version, m.synced = objects, version, true
	m.mu.Unlock()
	m.changed()
	return nil
}

// Resync has nothing to do.
func (m *mirror) Resync() error { return nil }

// Bookmark notes progress without a change.
func (m *mirror) Bookmark(version string) error {
	m.mu.Lock()
	m.version = version
	m.mu.Unlock()
	return nil
}

// slim drops managedFields, a good part of an object's size (kubernetes/kubernetes#118454);
// a StatefulSet's tell who steps it, and stay.
func slim(object metav1.Object) {
	if _, keep := object.(*appsv1.StatefulSet); !keep {
		object.SetManagedFields(nil)
	}
}

// read adds the content to a listing; false before the first complete list.
func (m *mirror) read(name string, into *listing) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, object := range m.objects {
		into.add(object)
	}
	into.seen[name] = m.version
	return m.synced
}
