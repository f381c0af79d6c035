# Two commands are enough: `make demo` and `make test`.
# Neither needs anything but make, git and Go; what else is needed they install
# (Debian packages as root) or say what to type.

export CGO_ENABLED ?= 0
export GOFLAGS := -mod=readonly

.PHONY: demo build test race check bench fmt setup-test clean

demo: build            ## the main job, end to end; ARGS=--json for machines
	@./bin/warmline demo $(ARGS)

build:
	@mkdir -p bin
	@test -x bin/warmline || echo "compiling warmline; the first time takes a minute or two" >&2
	@go build -trimpath -o bin/warmline ./cmd/warmline

setup-test:            ## what the tests need: a C compiler for -race, PostgreSQL, espeak-ng, and the SIP peers of dialer/interop
	@deploy/setup-test.sh

test: setup-test check ## everything, with the race detector, in random order
	@# One package at a time: calls in real time want the processor to themselves.
	@CGO_ENABLED=1 go test -race -shuffle=on -p 1 -timeout 15m $$(go list ./... | grep -v /dialer)
	@# These hear what was said on calls in real time, many at once: under the race
	@# detector two cores are too slow for their sound. `make race` runs them so all the same.
	@go test -shuffle=on -p 1 -timeout 15m ./dialer/...
	@# No sequence of events may keep a call from ending or an opt-out from being kept.
	@go test -run '^$$' -fuzz FuzzSession -fuzztime 30s ./dialogs

race: setup-test       ## the dialer's tests with the race detector; words may be torn on a small machine
	@CGO_ENABLED=1 go test -race -shuffle=on -p 1 -timeout 20m ./dialer/...

check:                 ## gofmt, vet, staticcheck, floors
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	@go vet ./...
	@go tool staticcheck ./...
	@go test -count=1 .

bench: setup-test      ## what a call costs beside floors and peers; writes docs/limits.md; ARGS=-quick for a look
	@mkdir -p bin/bench
	@go build -trimpath -o bin/bench/ ./bench/... ./cmd/warmline
	@bin/bench/report $(ARGS)

fmt:
	@gofmt -w $$(git ls-files '*.go')

clean:
	@rm -rf bin
