#!/usr/bin/env bash
# A single-node Kafka (KRaft, broker and controller in one process) for tests, in a folder of its own.
#
# usage: kafka.sh fetch            downloads the jars, once, and prints their folder
#        kafka.sh start DIR        starts in the background, prints the bootstrap address when ready
#        kafka.sh run DIR          the same in the foreground: this process becomes the broker
#        kafka.sh wait DIR         waits until it is ready, prints the bootstrap address
#        kafka.sh stop|kill DIR    SIGTERM or SIGKILL, and waits for its end; what it stored stays in DIR
#        kafka.sh restart DIR      stop, then start: same ports, same data
#
# DIR is created when it is not there. In it: address, pid, broker.log, server.properties, data/.
# Jars are kept in ${STAGECOACH_KAFKA_CACHE:-~/.cache/stagecoach}. KAFKA_HEAP sets the heap (512m at most
# is what the tests may use), STAGECOACH_KAFKA_PROPERTIES adds lines to the broker's configuration.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$(sed -n 's/.*<kafka.version>\(.*\)<.*/\1/p' "$here/pom.xml")
cache=${STAGECOACH_KAFKA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/stagecoach}
jars=$cache/kafka-$version
ready_line='Kafka Server started'
deadline_s=120

say() {
    echo "kafka.sh: $*" >&2
}

fetch() {
    [ -d "$jars" ] && return 0
    mkdir -p "$cache"
    (
        flock 9
        [ -d "$jars" ] && exit 0
        say "downloading Kafka $version from Maven Central, once"
        local fresh
        fresh=$(mktemp -d "$cache/fetch.XXXXXX")
        # Several tries: a download of 60 files meets a hiccup now and then.
        for try in 1 2 3; do
            if mvn -B -q -f "$here/pom.xml" \
                org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies \
                -DincludeScope=runtime -DoutputDirectory="$fresh" >&2; then
                mv "$fresh" "$jars"
                exit 0
            fi
            say "try $try failed"
            sleep 3
        done
        rm -rf "$fresh"
        exit 1
    ) 9>"$cache/lock"
}

# A port that nobody listens on, below the range that outgoing connections take theirs from.
free_port() {
    local port
    while true; do
        port=$((10000 + (RANDOM * 32768 + RANDOM) % 20000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

# Gives DIR its configuration and formatted storage, once.
prepare() {
    local dir=$1 broker controller
    [ -e "$dir/address" ] && return 0
    mkdir -p "$dir/data"
    broker=$(free_port)
    controller=$(free_port)
    while [ "$controller" = "$broker" ]; do
        controller=$(free_port)
    done
    cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$broker,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$broker
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
# Tests create their topics, so that a misspelt name is an error and not a topic.
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
min.insync.replicas=1
# Records carry event times of years ago; nothing may be deleted for its age.
log.retention.ms=-1
log.retention.check.interval.ms=3600000
log.cleaner.enable=false
log.message.timestamp.after.max.ms=9223372036854775807
offsets.retention.minutes=525600
# After a SIGKILL the next start waits until the old registration has run out (9 s by default).
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# How long a transaction of a killed producer may block readers beyond its own timeout.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
log.segment.bytes=268435456
log.index.size.max.bytes=1048576
PROPERTIES
    if [ -n "${STAGECOACH_KAFKA_PROPERTIES:-}" ]; then
        printf '%s\n' "$STAGECOACH_KAFKA_PROPERTIES" >>"$dir/server.properties"
    fi
    cat >"$dir/log4j.properties" <<'LOG4J'
log4j.rootLogger=WARN, out
log4j.logger.kafka.server.KafkaRaftServer=INFO
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{HH:mm:ss,SSS} %p %c: %m%n
LOG4J
    if ! java -Xmx64m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto \
        -Dlog4j.configuration="file:$dir/log4j.properties" -cp "$jars/*" \
        kafka.tools.StorageTool format -t c3RhZ2Vjb2FjaHRlc3RzMQ -c "$dir/server.properties" \
        >"$dir/format.log" 2>&1; then
        cat "$dir/format.log" >&2
        return 1
    fi
    # Renamed into place: who waits for the file must not read it while it is still empty.
    echo "127.0.0.1:$broker" >"$dir/address.new"
    mv "$dir/address.new" "$dir/address"
}

# Becomes the broker.
run() {
    local dir=$1
    prepare "$dir"
    rm -f "$dir/data/.lock"
    echo $BASHPID >"$dir/pid"
    local heap=${KAFKA_HEAP:-384m}
    exec java -Xms"$heap" -Xmx"$heap" -XX:+UseSerialGC -Xshare:auto -XX:-UsePerfData \
        -Djava.net.preferIPv4Stack=true -Djava.awt.headless=true \
        -Dlog4j.configuration="file:$dir/log4j.properties" -cp "$jars/*" \
        kafka.Kafka "$dir/server.properties" >"$dir/broker.log" 2>&1 </dev/null
}

# A zombie that nobody has waited for has ended.
runs() {
    kill -0 "$1" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

alive() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) && runs "$pid"
}

wait_ready() {
    local dir=$1 end=$((SECONDS + deadline_s))
    while [ $SECONDS -lt $end ]; do
        if grep -q "$ready_line" "$dir/broker.log" 2>/dev/null; then
            cat "$dir/address"
            return 0
        fi
        if [ -e "$dir/pid" ] && ! alive "$dir"; then
            break
        fi
        sleep 0.1
    done
    say "the broker in $dir did not start:"
    tail -n 20 "$dir/broker.log" "$dir/format.log" >&2 || true
    return 1
}

start() {
    local dir=$1
    if alive "$dir"; then
        wait_ready "$dir"
        return
    fi
    rm -f "$dir/pid" "$dir/broker.log"
    mkdir -p "$dir"
    prepare "$dir"
    setsid "$here/kafka.sh" run "$dir" >/dev/null 2>&1 </dev/null &
    wait_ready "$dir"
}

end() {
    local dir=$1 signal=$2 pid i
    pid=$(cat "$dir/pid" 2>/dev/null) || return 0
    kill -"$signal" "$pid" 2>/dev/null || true
    # Asked politely it has 20 s; then it is not asked any more.
    for ((i = 0; i < 600; i++)); do
        runs "$pid" || break
        [ $i = 200 ] && kill -KILL "$pid" 2>/dev/null
        sleep 0.1
    done
    rm -f "$dir/pid" "$dir/broker.log.old"
    mv "$dir/broker.log" "$dir/broker.log.old" 2>/dev/null || true
}

command=${1:-}
if [ "$command" != fetch ] && [ $# != 2 ]; then
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | head -n 12 >&2
    exit 2
fi
dir=${2:-}
[[ "$dir" == /* || -z "$dir" ]] || dir=$PWD/$dir
case "$command" in
fetch)
    fetch
    echo "$jars"
    ;;
start)
    fetch
    start "$dir"
    ;;
run)
    fetch
    run "$dir"
    ;;
wait) wait_ready "$dir" ;;
stop) end "$dir" TERM ;;
kill) end "$dir" KILL ;;
restart)
    end "$dir" TERM
    start "$dir"
    ;;
*)
    say "unknown command $command"
    exit 2
    ;;
esac
