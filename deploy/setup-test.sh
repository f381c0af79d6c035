#!/bin/sh
# Installs what the tests need, by Debian package name, when something is
# missing and we are root; else says the one line to type. It asks nothing and
# starts no server, neither now nor at the next boot.
set -eu
PATH=$PATH:/usr/sbin:/sbin
need=""
want() { command -v "$1" >/dev/null 2>&1 || need="$need $2"; }
want gcc gcc
[ -e /usr/include/stdlib.h ] || need="$need libc6-dev"
want espeak-ng espeak-ng
want sipp sip-tester
want baresip baresip-core
want kamailio kamailio
want rtpengine rtpengine-daemon
want linphonec linphone-cli
pg=""
for d in /usr/lib/postgresql/*/bin/postgres; do [ -x "$d" ] && pg=$d; done
[ -n "$pg" ] || command -v postgres >/dev/null 2>&1 || need="$need postgresql"
[ -n "$need" ] || exit 0
line="apt-get install -y --no-install-recommends$need"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "the tests need:$need" >&2
	echo "run as root: $line" >&2
	exit 1
fi
log=$(mktemp /tmp/warmline-setup.XXXXXX)
echo "installing for the tests:$need (log: $log)"
export DEBIAN_FRONTEND=noninteractive

# Packages ask policy-rc.d whether they may start what they bring: 101 is no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
fi
{
	apt-get update -qq
	case " $need " in *" postgresql "*)
		# Debian's package must not make and start a cluster of its own.
		apt-get install -y -qq --no-install-recommends postgresql-common
		grep -q '^create_main_cluster = false' /etc/postgresql-common/createcluster.conf ||
			echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf ;;
	esac
	# shellcheck disable=SC2086
	apt-get install -y -qq --no-install-recommends $need
	# The tests start kamailio and rtpengine by themselves.
	for server in kamailio rtpengine-daemon; do
		case " $need " in *" $server "*) update-rc.d "$server" disable ;; esac
	done
} >"$log" 2>&1 || { tail -5 "$log" >&2; echo "installing failed; the whole log is $log. By hand: $line" >&2; exit 1; }
rm -f "$log"
