package main

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/server"
	"qiao/cmd/qiao/server/servertest"
)

// root is the repository.
const root = "../../"

// compose is what compose.yaml says, as far as this test looks at it.
type compose struct {
	Services map[string]service
	Secrets  map[string]struct{ File string }
	Volumes  map[string]any
	Networks map[string]struct {
		IPAM struct{ Config []struct{ Subnet string } }
	}
}

type service struct {
	Image, Build, User string
	ReadOnly           bool `yaml:"read_only"`
	Command            []string
	Environment        map[string]string
	Secrets, Volumes   []string
	Ports              []string
	DependsOn          yaml.Node     `yaml:"depends_on"`
	StopGracePeriod    time.Duration `yaml:"stop_grace_period"`
}

// dependencies are the names under depends_on, which is a list or a map.
func (s service) dependencies() (names []string) {
	for i, n := range s.DependsOn.Content {
		if s.DependsOn.Kind == yaml.SequenceNode || i%2 == 0 {
			names = append(names, n.Value)
		}
	}
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(root + path)
	require.NoError(t, err)
	return string(text)
}

func readCompose(t *testing.T) (c compose, text string) {
	t.Helper()
	text = read(t, "compose.yaml")
	require.NoError(t, yaml.Unmarshal([]byte(text), &c))
	return c, text
}

// Whatever compose.yaml names is there.
func TestComposeIsWhole(t *testing.T) {
	c, text := readCompose(t)
	require.Subset(t, keysOf(c.Services), []string{"migrate", "qiao1", "qiao2", "proxy", "postgres", "redis"})
	header, _, _ := strings.Cut(text, "\nx-qiao:")
	for name, secret := range c.Secrets {
		require.Contains(t, header, strings.TrimPrefix(secret.File, "./"), "the first lines say how to make the secret %s", name)
	}
	for name, s := range c.Services {
		require.True(t, s.Image != "" || s.Build != "", name)
		for _, other := range s.dependencies() {
			require.Contains(t, c.Services, other, name)
		}
		for _, secret := range s.Secrets {
			require.Contains(t, c.Secrets, secret, name)
		}
		for variable, value := range s.Environment {
			if file, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
				require.Contains(t, s.Secrets, file, "%s: %s", name, variable)
			}
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			switch {
			case source == "./qiao.yaml":
				require.Contains(t, header, "cp deploy/qiao.yaml.example qiao.yaml")
			case strings.HasPrefix(source, "./"):
				require.FileExists(t, filepath.Join(root, source), name)
			default:
				require.Contains(t, c.Volumes, source, name)
			}
		}
	}
	for _, name := range []string{"qiao1", "qiao2"} {
		s := c.Services[name]
		require.True(t, s.ReadOnly, name)
		require.Subset(t, s.dependencies(), []string{"migrate", "redis"})
		require.Greater(t, s.StopGracePeriod, config.Default().Lifetimes.Drain, "the drain has its time")
	}
	postgres := c.Services["postgres"]
	require.Contains(t, header, "postgres://"+postgres.Environment["POSTGRES_USER"]+":", "the address of the database")
	require.Contains(t, header, "@postgres:5432/"+postgres.Environment["POSTGRES_DB"])
	require.Equal(t, qiao(append(c.Services["migrate"].Command, "--help")...).code, 0, "the command exists")
}

// The example is a configuration once it is filled in, together with the environment of compose.yaml; until then it is
// refused, because everybody knows what it holds.
func TestExampleConfiguration(t *testing.T) {
	c, _ := readCompose(t)
	secrets := t.TempDir()
	contents := map[string]string{
		"master_key": servertest.MasterKey, "postgres_dsn": "postgres://qiao:secret@postgres:5432/qiao",
	}
	load := func(example string) (config.Config, error) {
		file := filepath.Join(t.TempDir(), "qiao.yaml")
		require.NoError(t, os.WriteFile(file, []byte(example), 0o600))
		var environ []string
		for name, value := range c.Services["qiao1"].Environment {
			if secret, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
				require.Contains(t, contents, secret)
				value = filepath.Join(secrets, secret)
				_ = os.Remove(value)
				require.NoError(t, os.WriteFile(value, []byte(contents[secret]+"\n"), 0o400))
			}
			environ = append(environ, name+"="+value)
		}
		return config.Load(config.Source{File: file, Environ: environ, Check: server.CheckParts})
	}
	example := read(t, "deploy/qiao.yaml.example")
	_, err := load(example)
	var faults config.Faults
	require.ErrorAs(t, err, &faults)
	require.Len(t, faults, strings.Count(strings.ToLower(example), ": fill"), "%v", err)
	for _, f := range faults {
		require.ErrorContains(t, f, "is still the example's")
	}

	filled := strings.NewReplacer(
		"fill-in-the-AppSecret", servertest.AppSecret, "fillInTheToken", servertest.Token,
		"fillInTheEncodingAESKeyOf43CharactersAAAAAA", servertest.AESKey,
		"fill-in-a-key-of-at-least-32-characters", servertest.ShopSecret, "fill-in-a-secret-of-at-least-32-characters", servertest.ForumSecret,
	).Replace(example)
	loaded, err := load(filled)
	require.NoError(t, err)
	require.Equal(t, "postgres", loaded.Storage)
	require.Equal(t, "redis", loaded.Signals)
	require.Contains(t, keysOf(c.Services), regexp.MustCompile(`^redis://([a-z]+):6379`).FindStringSubmatch(loaded.Redis.URL)[1])

	// Only the proxy's network is believed when it says who asks.
	require.Len(t, loaded.TrustedProxies, 1)
	require.Equal(t, c.Networks["default"].IPAM.Config[0].Subnet, loaded.TrustedProxies[0])
	require.NoError(t, func() error { _, err := netip.ParsePrefix(loaded.TrustedProxies[0]); return err }())
}

// The proxy leads to the replicas, waits as long as a login page does, and logs no secret.
func TestProxyLeadsToTheReplicas(t *testing.T) {
	c, _ := readCompose(t)
	conf := read(t, "deploy/nginx.conf")
	listen := c.Services["qiao1"].Environment["QIAO_LISTEN"]
	var upstream []string
	for _, m := range regexp.MustCompile(`(?m)^\s*server (\w+)(:\d+)`).FindAllStringSubmatch(conf, -1) {
		upstream = append(upstream, m[1])
		require.Equal(t, listen, m[2])
	}
	slices.Sort(upstream)
	require.Equal(t, []string{"qiao1", "qiao2"}, upstream)
	require.Equal(t, strings.Count(conf, "{"), strings.Count(conf, "}"))

	port := regexp.MustCompile(`listen (\d+);`).FindStringSubmatch(conf)[1]
	require.Len(t, c.Services["proxy"].Ports, 1)
	require.Regexp(t, `^127\.0\.0\.1:\d+:`+port+`$`, c.Services["proxy"].Ports[0])
	wait, err := time.ParseDuration(regexp.MustCompile(`proxy_read_timeout (\w+);`).FindStringSubmatch(conf)[1])
	require.NoError(t, err)
	require.Greater(t, wait, 30*time.Second, "a login page waits 25 s")
	require.Contains(t, conf, "proxy_next_upstream error;", "nothing that may have had an effect is sent twice")
	require.Contains(t, conf, "X-Forwarded-For $remote_addr", "what a stranger says of himself is dropped")

	format := regexp.MustCompile(`log_format \w+ '([^']*)'`).FindStringSubmatch(conf)[1]
	for _, variable := range regexp.MustCompile(`\$\w+`).FindAllString(format, -1) {
		require.Contains(t, []string{"$remote_addr", "$time_iso8601", "$request_method", "$logged_uri", "$status", "$request_time"}, variable)
	}
	secret := regexp.MustCompile(regexp.MustCompile(`~(\S+) "`).FindStringSubmatch(conf)[1])
	for path, hidden := range map[string]bool{
		"/phone/AAAA.token": true, "/scan/main/secret": true, "/device/picture/handle": true,
		"/authorize": false, "/token": false, "/device": false, "/wechat/main": false,
	} {
		require.Equal(t, hidden, secret.MatchString(path), path)
	}
}

// The image is built with the language version of go.mod and as make builds, and runs as nobody.
func TestDockerfile(t *testing.T) {
	file := read(t, "Dockerfile")
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))[1]
	require.Contains(t, file, "FROM golang:"+version+"-")
	build := func(text string) string {
		m := regexp.MustCompile(`CGO_ENABLED=0 (?:\$\(GO\)|go) build (.*) -o (\S+) (\S+)`).FindStringSubmatch(text)
		require.NotNil(t, m, text)
		return m[1] + " " + m[3]
	}
	require.Equal(t, build(read(t, "Makefile")), build(file))
	c, _ := readCompose(t)
	require.Contains(t, file, "USER "+c.Services["qiao1"].User+"\n")
	require.NotContains(t, c.Services["qiao1"].User, "root")
	for _, m := range regexp.MustCompile(`(?m)(HEALTHCHECK.*CMD|^CMD) (\[.*\])$`).FindAllStringSubmatch(file, -1) {
		var words []string
		require.NoError(t, yaml.Unmarshal([]byte(m[2]), &words))
		if words[0] == "/qiao" {
			words = words[1:]
		}
		require.Zero(t, qiao(append(words, "--help")...).code, "the command exists: %v", words)
	}
	configured := regexp.MustCompile(`ENV QIAO_CONFIG=(\S+)`).FindStringSubmatch(file)[1]
	require.Contains(t, c.Services["qiao1"].Volumes, "./qiao.yaml:"+configured+":ro")
	for _, private := range []string{"/secrets/", "/qiao.yaml"} {
		require.Contains(t, strings.Split(read(t, ".dockerignore"), "\n"), private)
		require.Contains(t, strings.Split(read(t, ".gitignore"), "\n"), private)
	}
}

// The Makefile's scripts are there, can be run, and are well-formed.
func TestScripts(t *testing.T) {
	named := regexp.MustCompile(`\./(scripts/\S+\.sh)`).FindAllStringSubmatch(read(t, "Makefile"), -1)
	require.NotEmpty(t, named)
	for _, m := range append(named, []string{"", ".ci/run"}) {
		info, err := os.Stat(root + m[1])
		require.NoError(t, err)
		require.NotZero(t, info.Mode()&0o100, "%s can be run", m[1])
		output, err := exec.CommandContext(t.Context(), "bash", "-n", root+m[1]).CombinedOutput()
		require.NoError(t, err, "%s", output)
	}
	require.Contains(t, read(t, ".ci/run"), "make test", "CI does what a person does")
}

func keysOf[V any](m map[string]V) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}
