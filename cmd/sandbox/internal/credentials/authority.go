// Package credentials makes the certificates, keys and kubeconfigs of a cluster of real containers: one
// authority per cluster, as "PKI certificates and requirements" of the Kubernetes documentation lists
// what each component needs (https://kubernetes.io/docs/setup/best-practices/certificates/).
package credentials

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// validity is how long certificates last: longer than any sandbox.
const validity = 10 * 365 * 24 * time.Hour

// authority signs the certificates of one cluster.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	now         time.Time
}

// Subject describes one certificate: who its owner is, and what it is called by those who connect.
type Subject struct {
	File      string // base name of <File>.crt and <File>.key
	User      string
	Group     string // one of Kubernetes' groups, such as system:masters
	Names     []string
	Addresses []netip.Addr // makes it a server's certificate
}

// newAuthority makes an authority and writes it to dir.
func newAuthority(dir, name string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of the authority: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(validity),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of the authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the certificate of the authority: %w", err)
	}
	return &authority{certificate, key, now}, writePair(dir, "ca", der, key)
}

// issue makes one certificate and its key in dir.
func (a *authority) issue(dir string, subject Subject) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return fmt.Errorf("number the certificate %s: %w", subject.File, err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the key %s: %w", subject.File, err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: subject.User}, DNSNames: subject.Names,
		NotBefore: a.now.Add(-time.Hour), NotAfter: a.now.Add(validity), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if subject.Group != "" {
		template.Subject.Organization = []string{subject.Group}
	}
	if len(subject.Addresses) > 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, address := range subject.Addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(address.AsSlice()))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return fmt.Errorf("sign the certificate %s: %w", subject.File, err)
	}
	return writePair(dir, subject.File, der, key)
}

// writePair writes a certificate and its key, readable by their owner only.
func writePair(dir, name string, der []byte, key *ecdsa.PrivateKey) error {
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the key %s: %w", name, err)
	}
	return errors.Join(
		writePEM(filepath.Join(dir, name+".crt"), "CERTIFICATE", der),
		writePEM(filepath.Join(dir, name+".key"), "EC PRIVATE KEY", encoded),
	)
}

func writePEM(path, kind string, data []byte) error {
	return state.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
}

// writeServiceAccountKeys makes the pair that signs and checks the tokens of service accounts.
func writeServiceAccountKeys(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the key of service accounts: %w", err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the key of service accounts: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return fmt.Errorf("encode the public key of service accounts: %w", err)
	}
	return errors.Join(
		writePEM(filepath.Join(dir, "service-accounts.key"), "EC PRIVATE KEY", private),
		writePEM(filepath.Join(dir, "service-accounts.pub"), "PUBLIC KEY", public),
	)
}

// Ensure makes the credentials of a cluster in dir unless they are there. They appear in one rename, so
// a crash leaves all of them or none.
func Ensure(dir, name string, subjects []Subject, now time.Time) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	temp := dir + ".making"
	if err := os.RemoveAll(temp); err != nil {
		return fmt.Errorf("clear half-made credentials: %w", err)
	}
	signer, err := newAuthority(temp, name, now)
	if err != nil {
		return err
	}
	for _, subject := range subjects {
		if err := signer.issue(temp, subject); err != nil {
			return err
		}
	}
	if err := writeServiceAccountKeys(temp); err != nil {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return fmt.Errorf("put the credentials in place: %w", err)
	}
	return nil
}
