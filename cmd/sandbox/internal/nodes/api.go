//go:build linux

package nodes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"time"
)

const (
	apiPoll    = 100 * time.Millisecond // how often an API server is asked whether it is ready
	apiTimeout = 2 * time.Second        // how long it may take to answer
)

// awaitAPI waits until an API server says that it is ready, which it tells everybody
// (https://kubernetes.io/docs/reference/using-api/health-checks/); false means that ctx ended before.
func (s supervisor) awaitAPI(ctx context.Context, api *API) bool {
	if api == nil {
		return ctx.Err() == nil
	}
	client := &http.Client{Timeout: apiTimeout, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12},
	}}
	authority, err := os.ReadFile(api.Authority)
	if err != nil || !client.Transport.(*http.Transport).TLSClientConfig.RootCAs.AppendCertsFromPEM(authority) {
		s.say("read the authority of %s from %s: %v; started without waiting for it", api.URL, api.Authority, err)
		return ctx.Err() == nil
	}
	for !isReady(ctx, client, api.URL+"/readyz") {
		if !pause(ctx, apiPoll) {
			return false
		}
	}
	return ctx.Err() == nil
}

// isReady asks once.
func isReady(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
