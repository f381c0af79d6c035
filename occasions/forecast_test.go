package occasions

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const good = `{"latitude":45.8,"longitude":126.5,"daily_units":{"temperature_2m_min":"°C"},"daily":{
	"time":["2026-11-30","2026-12-01","2026-12-02","2026-12-03"],"weather_code":[2,3,71,null],
	"temperature_2m_max":[6.6,3.2,-4.1,-9],"temperature_2m_min":[-1.2,-5,-12.4,-18]}}`

// service counts questions and answers with what it holds.
func service(t *testing.T, answer func(n int32, w http.ResponseWriter, r *http.Request)) (*Forecast, *atomic.Int32) {
	t.Helper()
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(asked.Add(1), w, r)
	}))
	t.Cleanup(s.Close)
	return &Forecast{BaseURL: s.URL, HTTP: s.Client()}, &asked
}

func TestForecastBecomesFacts(t *testing.T) {
	f, _ := service(t, func(_ int32, w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); r.URL.Path != "/v1/forecast" || q.Get("latitude") != "45.80" || q.Get("past_days") != "1" || q.Get("timezone") != "Asia/Shanghai" {
			t.Errorf("asked for %s", r.URL)
		}
		fmt.Fprint(w, good)
	})
	got, err := f.Today(context.Background(), Place{City: "哈尔滨"}, today)
	if err != nil {
		t.Fatal(err)
	}
	want := []Occasion{{
		Kind: Weather, Place: Place{City: "哈尔滨"}, Source: "open-meteo", ObservedAt: today, Until: today.Add(6 * time.Hour),
		Facts: map[string]any{
			"drop_48h": 11, "today": map[string]any{"low": -5, "high": 3, "text": "阴"},
			"tomorrow": map[string]any{"low": -12, "high": -4, "text": "小雪"}, "observed_at": today, "source": "open-meteo", "kind": "cold_snap",
		},
		Confidence: forecastConfidence,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err := f.Today(context.Background(), Place{City: "火星"}, today); got != nil || err != nil {
		t.Errorf("a city without coordinates: %v, %v", got, err)
	}
}

func TestACityIsAskedOnceAnHourHoweverManyAsk(t *testing.T) {
	f, asked := service(t, func(_ int32, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, good) })
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got, err := f.Today(context.Background(), Place{City: "哈尔滨"}, today); err != nil || len(got) != 1 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	all.Wait()
	for _, step := range []struct {
		after time.Duration
		want  int32
	}{{30 * time.Minute, 1}, {50 * time.Minute, 2}, {55 * time.Minute, 2}} {
		if _, err := f.Today(context.Background(), Place{City: "哈尔滨"}, today.Add(step.after)); err != nil {
			t.Fatal(err)
		}
		if n := asked.Load(); n != step.want {
			t.Errorf("%v later the service was asked %d times, want %d", step.after, n, step.want)
		}
	}
}

func TestAFailedCityIsLeftAloneForAMinute(t *testing.T) {
	f, asked := service(t, func(n int32, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, good)
	})
	for _, step := range []struct {
		after time.Duration
		fails bool
		asked int32
	}{{0, true, 1}, {30 * time.Second, true, 1}, {time.Minute, false, 2}} {
		_, err := f.Today(context.Background(), Place{City: "哈尔滨"}, today.Add(step.after))
		if (err != nil) != step.fails || asked.Load() != step.asked {
			t.Errorf("%v later: %v, asked %d times", step.after, err, asked.Load())
		}
	}
}

func TestOddAnswersAreNoWeather(t *testing.T) {
	for name, body := range map[string]string{
		"tomorrow's low is null":    strings.Replace(good, "-12.4", "null", 1),
		"today's high is null":      strings.Replace(good, "3.2", "null", 1),
		"a low above its high":      strings.Replace(good, "-12.4", "5", 1),
		"colder than ever measured": strings.Replace(good, "-12.4", "-88", 1),
		"another place":             strings.Replace(good, "45.8", "22.5", 1),
		"no place":                  strings.Replace(good, `"latitude":45.8,`, "", 1),
		"Fahrenheit":                strings.Replace(good, "°C", "°F", 1),
		"one high too few":          strings.Replace(good, "6.6,", "", 1),
		"last year's days":          strings.ReplaceAll(good, "2026-", "2025-"),
		"text instead of numbers":   strings.Replace(good, "-12.4", `"-12.4"`, 1),
		"half a body":               good[:100],
		"an error":                  `{"error":true,"reason":"Daily API request limit exceeded"}`,
		"nothing":                   "",
		"a page":                    "<html>",
		"two megabytes":             good + strings.Repeat(" ", 2<<20),
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := service(t, func(_ int32, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
			if got, err := f.Today(context.Background(), Place{City: "哈尔滨"}, today); err == nil || len(got) != 0 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestYesterdayMayBeMissing(t *testing.T) {
	f, _ := service(t, func(_ int32, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, strings.Replace(good, "-1.2", "null", 1))
	})
	got, err := f.Today(context.Background(), Place{City: "哈尔滨"}, today)
	if err != nil || got[0].Facts["drop_48h"] != 7 {
		t.Errorf("%v, %v; want the drop from today", got, err)
	}
}

func TestWhoeverAsksDoesNotWaitForASlowService(t *testing.T) {
	release := make(chan struct{})
	f, _ := service(t, func(_ int32, w http.ResponseWriter, r *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got, err := f.Today(ctx, Place{City: "哈尔滨"}, today); err == nil || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	begun := time.Now()
	if _, err := f.Today(context.Background(), Place{City: "哈尔滨"}, today); err == nil || time.Since(begun) > 2*askDeadline {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

func FuzzParseForecast(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, body []byte) {
		days, err := parseForecast(body, Coordinates{45.8, 126.5})
		if err != nil {
			return
		}
		if o, err := forecast(Place{}, days, today, today, "s", nil); err == nil {
			low := o.Facts["tomorrow"].(map[string]any)["low"].(int)
			if low < coldest || low > hottest {
				t.Errorf("tomorrow is %d", low)
			}
		}
	})
}
