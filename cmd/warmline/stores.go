package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"warmline/contacts"
	"warmline/dialer"
	"warmline/media"
	"warmline/postgres"
	"warmline/postgres/local"
	redislocal "warmline/scheduler/tasks/local"
	"warmline/sip"
	"warmline/speech"
	"warmline/speech/espeak"
	"warmline/speech/speechtest"
)

// stores are the two data stores of a running Warmline.
type stores struct {
	db    *postgres.DB
	redis string
	stop  []func()
}

// close releases them in the reverse order of their opening.
func (s *stores) close() {
	for i := len(s.stop) - 1; i >= 0; i-- {
		s.stop[i]()
	}
}

// startStores opens the configured stores and brings up private ones for what
// is not configured; it migrates a private database.
func startStores(ctx context.Context, cfg Config, throwaway bool, log *slog.Logger) (*stores, error) {
	s := &stores{redis: cfg.Redis}
	if cfg.DatabaseURL == "" {
		dir := ""
		if cfg.DataDir != "" {
			dir = filepath.Join(cfg.DataDir, "postgres")
		}
		c, err := local.Start(ctx, local.Options{Throwaway: throwaway, Dir: dir, MayInstall: true, Log: log})
		if err != nil {
			return nil, err
		}
		s.stop = append(s.stop, func() {
			if err := c.Stop(); err != nil {
				log.Warn("stopping PostgreSQL", "err", err)
			}
		})
		cfg.DatabaseURL = c.URL()
	}
	var err error
	if s.db, err = openStore(ctx, cfg, log); err != nil {
		s.close()
		return nil, err
	}
	s.stop = append(s.stop, s.db.Close)
	if s.redis == "" {
		r, err := redislocal.Start(ctx, log)
		if err != nil {
			s.close()
			return nil, err
		}
		s.stop, s.redis = append(s.stop, r.Stop), r.Addr
	}
	return s, nil
}

// openStore opens the database that is configured.
func openStore(ctx context.Context, cfg Config, log *slog.Logger) (*postgres.DB, error) {
	if cfg.DatabaseURL == "" {
		return nil, errors.New("no database: set DATABASE_URL, or database_url in the config; " +
			"«warmline demo» and «warmline serve» bring their own")
	}
	key, id, err := suppressionKey(cfg)
	if err != nil {
		return nil, err
	}
	return postgres.Open(ctx, cfg.DatabaseURL, postgres.Options{Key: key, KeyID: id, Conns: 24, Log: log})
}

// suppressionKey is the configured key, else the one of the data folder, which
// is made the first time. It belongs into the backup: without it nobody who
// opted out can be recognised.
func suppressionKey(cfg Config) (key []byte, id string, err error) {
	if cfg.Suppression.Key != "" {
		key, err := base64.StdEncoding.DecodeString(cfg.Suppression.Key)
		if err != nil {
			return nil, "", fmt.Errorf("suppression.key: %w", err)
		}
		return key, keyID(cfg.Suppression.KeyID, key), nil
	}
	file := filepath.Join(cfg.dataDir(), "suppression.key")
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(cfg.dataDir(), 0o711); err != nil {
			return nil, "", fmt.Errorf("keeping the suppression key: %w", err)
		}
		key = make([]byte, 32)
		rand.Read(key)
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, "", fmt.Errorf("keeping the suppression key: %w", err)
		}
		_, err = fmt.Fprintln(f, base64.StdEncoding.EncodeToString(key))
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return nil, "", fmt.Errorf("keeping the suppression key: %w", err)
		}
		return key, keyID("", key), nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("the suppression key: %w", err)
	}
	if key, err = base64.StdEncoding.DecodeString(strings.TrimSpace(string(b))); err != nil || len(key) < 32 {
		return nil, "", fmt.Errorf("the suppression key in %s is damaged: restore it from the backup", file)
	}
	return key, keyID("", key), nil
}

// keyID names a key without telling it.
func keyID(named string, key []byte) string {
	if named != "" {
		return named
	}
	sum := sha256.Sum256(append([]byte("warmline suppression key "), key...))
	return hex.EncodeToString(sum[:4])
}

// newDialer makes signalling, media, voice and ears from the config.
// onCall takes calls that come in; nil refuses them.
func newDialer(ctx context.Context, cfg Config, now func() time.Time, log *slog.Logger, onCall func(*sip.Incoming)) (*dialer.Dialer, func(), error) {
	voice, dir, err := newVoice(cfg)
	if err != nil {
		return nil, nil, err
	}
	lo, hi, err := cfg.Media.portRange()
	if err != nil {
		return nil, nil, err
	}
	engine, err := media.NewEngine(media.Config{IP: cfg.Media.IP, PortMin: lo, PortMax: hi, Calls: cfg.Dialer.Channels, Log: log})
	if err != nil {
		return nil, nil, err
	}
	agent, err := sip.Listen(ctx, sip.Config{Addr: cfg.SIP.Listen, UserAgent: "Warmline", Log: log, OnCall: onCall})
	if err != nil {
		engine.Close()
		return nil, nil, err
	}
	d := &dialer.Dialer{
		SIP: agent, Media: engine, Prompts: speech.NewPrompts(voice, dir), Ears: speechtest.Ears{}, Log: log, Now: now,
	}
	if cfg.Speech.Ears == "none" {
		d.Ears = nil
	}
	stop := func() { agent.Close(); engine.Close() }
	if d.Queues, err = cfg.queues(); err != nil {
		stop()
		return nil, nil, err
	}
	if cfg.Understanding.URL != "" {
		model, err := cfg.Understanding.client()
		if err != nil {
			stop()
			return nil, nil, err
		}
		d.Understander, d.Patience = model, cfg.Understanding.Deadline+grace
		return d, func() { stop(); model.Close() }, nil
	}
	return d, stop, nil
}

// newVoice is the configured voice and the folder its prompts are kept in.
func newVoice(cfg Config) (speech.Synthesizer, string, error) {
	if cfg.Speech.Voice == "tones" {
		return speechtest.Voice{}, "", nil
	}
	v, err := espeak.New(cfg.Speech.Espeak)
	if err != nil {
		return nil, "", fmt.Errorf("%w: run «apt-get install -y espeak-ng» as root, or set speech.voice to tones", err)
	}
	return paced{v, cfg.Speech.Rate}, filepath.Join(cfg.dataDir(), "prompts"), nil
}

// paced speaks as a whole faster or slower than the trees ask for.
type paced struct {
	speech.Synthesizer
	rate float64
}

// ID tells clips of different pace apart.
func (p paced) ID() string { return fmt.Sprintf("%s x%g", p.Synthesizer.ID(), p.rate) }

// Synthesize speaks at the tree's rate times ours.
func (p paced) Synthesize(ctx context.Context, u speech.Utterance) ([]int16, int, error) {
	if u.Rate == 0 {
		u.Rate = 1
	}
	u.Rate *= p.rate
	return p.Synthesizer.Synthesize(ctx, u)
}

// newFactBook opens the sources of kind reasons.
func newFactBook(cfg Config, log *slog.Logger) (*factBook, error) {
	b := &factBook{brand: cfg.Brand, log: log, spoken: contacts.SpokenNames{}}
	if cfg.SpokenNames != "" {
		table, err := os.ReadFile(cfg.SpokenNames)
		if err != nil {
			return nil, fmt.Errorf("spoken names: %w", err)
		}
		if b.spoken, err = contacts.ReadSpokenNames(bytes.NewReader(table)); err != nil {
			return nil, fmt.Errorf("spoken names in %s: %w", cfg.SpokenNames, err)
		}
		if b.cycles, err = contacts.ReadCycles(bytes.NewReader(table)); err != nil {
			return nil, fmt.Errorf("cycles in %s: %w", cfg.SpokenNames, err)
		}
	}
	var err error
	if b.sources, err = openSources(cfg.Occasions); err != nil {
		return nil, err
	}
	return b, nil
}
