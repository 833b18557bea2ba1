package regions

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// workload checks what runs: image, container, storage, resources.
func (c *checker) workload() {
	s := c.t.Spec
	profiled := (s.Profile == profileCockroachDB || s.Profile == profileEtcd) && s.Base == "" // with manifests of its own
	if s.Image != "" || c.written("spec.image") {
		c.image("spec.image", s.Image)
	} else if profiled {
		c.errorf("spec.image", codeMissingImage, imageHint(s.Profile), "spec.image is missing")
	}
	if s.Container != "" {
		c.label("spec.container", s.Container, codeInvalidName)
	}
	if profiled {
		c.storage()
		c.requests()
	}
	c.resources()
}

func imageHint(profile string) string {
	if profile == profileCockroachDB {
		return "write image: cockroachdb/cockroach:<version>"
	}
	return "write image: with your registry, name and version of " + profile
}

func (c *checker) image(path, image string) {
	ref, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		hint := "write it as registry/name:tag"
		if errors.Is(err, reference.ErrNameContainsUppercase) {
			hint = "use lower case before the tag"
		}
		c.errorf(path, codeInvalidImage, hint, "%q is not an image reference: %v", shorten(image), err)
		return
	}
	if _, ok := ref.(reference.Digested); ok {
		return
	}
	tagged, ok := ref.(reference.Tagged)
	switch {
	case !ok:
		c.warnf(path, codeImageNotPinned, "add the version as a tag", "image %q has no tag", shorten(image))
	case tagged.Tag() == "latest":
		c.warnf(path, codeImageNotPinned, "write the version as a tag", "tag latest means whatever was newest when a node pulled it")
	}
}

func (c *checker) storage() {
	s := c.t.Spec.Storage
	switch {
	case s.Size == "" && !c.written("spec.storage.size"):
		c.errorf("spec.storage.size", codeMissingStorageSize, "write the size of each replica's volume, such as 100Gi", "spec.storage.size is missing")
	default:
		c.quantity("spec.storage.size", s.Size)
	}
	switch {
	case s.ClassName == "":
		c.errorf("spec.storage.className", codeMissingStorageClass, "name a StorageClass that every cluster has",
			"spec.storage.className is missing; a cluster's default class may differ or change")
	case len(validation.IsDNS1123Subdomain(s.ClassName)) > 0:
		c.errorf("spec.storage.className", codeInvalidStorageClass, "use the name as kubectl get storageclass prints it",
			"%q is not the name of a StorageClass", shorten(s.ClassName))
	}
}

// requests warns about a database for which no node sets anything aside.
func (c *checker) requests() {
	for _, name := range []string{"cpu", "memory"} {
		if _, ok := c.t.Spec.Resources.Requests[name]; !ok {
			c.warnf("spec.resources.requests."+name, codeMissingRequests, "write resources: {requests: {cpu: …, memory: …}}",
				"no %s is requested, so a node may run out of it under the database", name)
		}
	}
}

func (c *checker) resources() {
	r := c.t.Spec.Resources
	limits := map[string]resource.Quantity{}
	c.resourceNames("spec.resources.limits", r.Limits)
	c.resourceNames("spec.resources.requests", r.Requests)
	for _, name := range slices.Sorted(maps.Keys(r.Limits)) {
		if q, ok := c.quantity(field("spec.resources.limits", name), r.Limits[name]); ok {
			limits[name] = q
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Requests)) {
		path := field("spec.resources.requests", name)
		request, ok := c.quantity(path, r.Requests[name])
		limit, limited := limits[name]
		if ok && limited && request.Cmp(limit) > 0 {
			c.errorf(path, codeRequestsOverLimits, "raise the limit or lower the request",
				"the request for %s, %s, is more than its limit %s", shorten(name), &request, &limit)
		}
	}
}

// resourceNames checks what is asked for: Kubernetes' own resources, or one of a domain of somebody's.
func (c *checker) resourceNames(path string, resources map[string]string) {
	own := []string{"cpu", "memory", "ephemeral-storage"}
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		domain, _, extended := strings.Cut(name, "/")
		huge := strings.HasPrefix(name, "hugepages-")
		if !slices.Contains(own, name) && !huge && !(extended && domain != "" && len(validation.IsQualifiedName(name)) == 0) {
			c.errorf(field(path, name), codeUnknownResource, suggest(name, own), "Kubernetes has no resource %q", shorten(name))
		}
	}
}

// quantity checks a Kubernetes quantity above zero.
func (c *checker) quantity(path, value string) (resource.Quantity, bool) {
	q, err := resource.ParseQuantity(value)
	if err != nil || q.Sign() <= 0 {
		c.errorf(path, codeInvalidQuantity, "write a number above zero with a unit, such as 100Gi or 500m",
			"%q is not a quantity", shorten(value))
		return q, false
	}
	return q, true
}
