import Foundation
import Harness
import Testing

/// Ordinary users with real sessions, and an engine that runs as one: in a virtual machine with systemd and cgroup v2
/// alone. Everything is one script there, which says `ok NAME` or what was said instead.
@Suite(
    .serialized, .timeLimit(.minutes(10)),
    .enabled(if: Guest.program != nil, "APUS_VM does not name a program that runs a command in a virtual machine"))
struct RootlessGuestTests {
    @Test(arguments: [
        "delegated", "limits", "pids-enforced", "memory-enforced", "own-place", "removed",
        "no-writes-without-namespace",
        "own-cgroup-without-namespace", "life",
    ])
    func `with delegation`(check: String) throws { try Guest.expect("delegated", check) }

    @Test(arguments: [
        "delegated", "limit-refused", "place-refused", "foreign-place-refused", "no-cgroups-to-see",
        "no-writes-without-namespace", "no-writes-below-sys",
    ])
    func `without delegation`(check: String) throws { try Guest.expect("alone", check) }

    @Test(arguments: ["mapped", "container-root-is-granted", "refused"])
    func `ids that the host grants`(check: String) throws { try Guest.expect("ids", check) }

    @Test(arguments: [
        "subgroup", "subgroup-limits", "subgroup-update", "subgroup-reload", "subgroup-exec", "subgroup-removed",
        "subgroup-empty", "delegated", "delegated-namespace", "delegated-manages", "delegated-exec", "delegated-scope",
        "delegated-removed",
    ])
    func `cgroups below the container's`(check: String) throws { try Guest.expect("below", check) }

    @Test(
        arguments: ["user", "root"],
        ["run", "limits", "not-root", "keep-id", "host-namespaces", "detached", "missing-program", "terminal"])
    func `podman with cgroupfs`(who: String, check: String) throws { try Guest.expect("podman-\(who)", check) }
}

private enum Guest {
    /// `APUS_VM`: called as `PROGRAM run --share DIRECTORY... -- COMMAND...`.
    static var program: String? {
        ProcessInfo.processInfo.environment["APUS_VM"].flatMap { $0.isEmpty ? nil : $0 }
    }

    static func expect(_ part: String, _ check: String) throws {
        let lines = try results.get()
        let line = lines.first { $0 == "ok \(part) \(check)" || $0.hasPrefix("not ok \(part) \(check):") }
        #expect(line == "ok \(part) \(check)", "\(line == nil ? lines.joined(separator: "\n") : "")")
    }

    private static let results: Result<[String], any Error> = Result {
        guard let program, let runtime = Runtime.underTest else { throw HarnessError("no runtime, or no APUS_VM") }
        let directory = "/tmp/apus-guest-\(UInt32.random(in: 0...UInt32.max))"
        try Files.makeDirectory(directory)
        defer { Files.removeTree(directory) }
        try Files.copy(runtime.path, to: "\(directory)/apus", mode: 0o755)
        try Files.write("A=\(directory)/apus\n" + library, to: "\(directory)/library.sh")
        for (name, text) in [
            ("user", userScript), ("alone", aloneScript), ("podman", podmanScript), ("below", belowScript),
        ] {
            try Files.write(". \(directory)/library.sh\n" + text, to: "\(directory)/\(name).sh")
        }
        try Files.write("D=\(directory)\n" + mainScript, to: "\(directory)/main.sh")
        let log = "\(directory)/log"
        try Files.write("", to: log)
        let process = Foundation.Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            program, "run", "--timeout", "550", "--share", directory, "--", "bash", "\(directory)/main.sh",
        ]
        process.standardOutput = FileHandle(forWritingAtPath: log)
        process.standardError = FileHandle.standardError
        try process.run()
        process.waitUntilExit()
        return (Files.read(log) ?? "").split(separator: "\n").map(String.init)
    }

    private static let mainScript = """
        make-bundle /home/user/b; rm /home/user/b/config.json; chown -R user: /home/user
        tar -C /home/user/b/rootfs -cf /tmp/image.tar .; chmod 644 /tmp/image.tar
        cd /home/user
        as-user systemd-run --user --scope -q -p Delegate=yes sh $D/user.sh
        rm -f /home/user/b/config.json
        systemd-run -q --pipe --wait -p User=user -p Environment=XDG_RUNTIME_DIR=/run/user/1000 sh $D/alone.sh
        as-user sh $D/podman.sh podman-user
        sh $D/podman.sh podman-root
        sh $D/below.sh
        """

    private static let library = #"""
        cd /home/user/b 2>/dev/null
        # check NAME WANTED COMMAND...: the command's output holds what is wanted.
        check() {
            name=$1 wanted=$2; shift 2
            said=$("$@" 2>&1); status=$?
            case "$said status=$status" in
            *"$wanted"*) echo "ok $PART $name" ;;
            *) echo "not ok $PART $name: $(echo $said status=$status)" ;;
            esac
        }
        flat() { echo $("$@"); }
        prepare() {
            $A spec --rootless
            jq '.process.terminal=false' config.json > base.json
        }
        # with FILTER SCRIPT: runs the script in a container with a changed configuration.
        with() {
            jq --arg script "$2" "$1"' | .process.args=["sh","-c",$script]' base.json > config.json
            $A run box
        }
        without_namespace='.linux.namespaces|=map(select(.type!="cgroup"))'
        without_mount='.mounts|=map(select(.destination!="/sys/fs/cgroup"))'

        """#

    private static let userScript = #"""
        PART=delegated; prepare
        here=$(sed 's/^0:://' /proc/self/cgroup)
        check delegated 'uid=0(root)' with . id
        check limits '20 33554432 59 50000 100000' with '.linux.resources={"pids":{"limit":20},"memory":{"limit":33554432},"cpu":{"shares":512,"quota":50000,"period":100000}}' \
            'cd /sys/fs/cgroup; echo $(cat pids.max memory.max cpu.weight cpu.max)'
        check pids-enforced 'fork' with '.linux.resources={"pids":{"limit":4}}' 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait'
        check memory-enforced 'status=137' with '.linux.resources={"memory":{"limit":16777216,"swap":16777216}}' \
            'exec dd if=/dev/zero of=/dev/null bs=64M count=1'
        check own-place "0::$(dirname $here)/box/deep" with "$without_namespace"'|.linux.cgroupsPath="'$(dirname $here)/box/deep'"' 'cat /proc/self/cgroup'
        check removed 'No such file' ls -d /sys/fs/cgroup$(dirname $here)/box/deep
        rmdir /sys/fs/cgroup$(dirname $here)/box 2>/dev/null
        check no-writes-without-namespace 'Read-only' with "$without_namespace" 'mkdir /sys/fs/cgroup/x'
        check own-cgroup-without-namespace 'box' with "$without_namespace" 'grep "/box /sys/fs/cgroup ro" /proc/self/mountinfo'
        life() {
            jq '.process.args=["sleep","1000"]' base.json > config.json
            $A create box </dev/null >/dev/null 2>&1 && $A start box && $A state box | jq -r .status && $A list -q &&
                $A kill box KILL && sleep 1 && $A state box | jq -r .status && $A delete box && $A list -q | wc -l
        }
        check life 'running box stopped 0' flat life
        PART=ids
        mapped='[{"containerID":0,"hostID":1000,"size":1},{"containerID":1,"hostID":100000,"size":65536}]'
        check mapped 'uid=5 gid=6 groups=7' with ".linux.uidMappings=$mapped|.linux.gidMappings=$mapped|.process.user={uid:5,gid:6,additionalGids:[7]}" id
        granted='[{"containerID":0,"hostID":100000,"size":65536}]'
        check container-root-is-granted '0     100000      65536' with ".linux.uidMappings=$granted|.linux.gidMappings=$granted|.process.oomScoreAdj=100" 'cat /proc/self/uid_map'
        other='[{"containerID":0,"hostID":1000,"size":1},{"containerID":1,"hostID":300000,"size":10}]'
        check refused '/etc/subuid has to grant the caller 300000-300009' with ".linux.uidMappings=$other|.linux.gidMappings=$other" id
        """#

    private static let aloneScript = #"""
        PART=alone; prepare
        own=/user.slice/user-1000.slice/user@1000.service
        check delegated 'uid=0(root)' with . id
        check limit-refused 'linux.resources.pids' with '.linux.resources={"pids":{"limit":20}}' id
        check place-refused 'not delegated to the caller' with '.linux.cgroupsPath="/box"' id
        check foreign-place-refused 'may not move a process from its own cgroup' with '.linux.cgroupsPath="'$own'/box"' id
        check no-cgroups-to-see 'tmpfs' with "$without_namespace" 'grep " /sys/fs/cgroup " /proc/self/mountinfo | tail -1; ls /sys/fs/cgroup'
        check no-writes-without-namespace 'Read-only' with "$without_namespace" 'mkdir /sys/fs/cgroup/x'
        check no-writes-below-sys 'Read-only' with "$without_namespace|$without_mount" 'mkdir /sys/fs/cgroup'$own'/x'
        """#

    /// crun's annotations about cgroups, as root.
    private static let belowScript = #"""
        PART=below
        mkdir -p /tmp/below; cp -r /home/user/b/rootfs /tmp/below; cd /tmp/below; $A spec
        here=/sys/fs/cgroup/system.slice/apus-box.scope
        change() { jq '.process.terminal=false|.root.readonly=false|.process.args=["sleep","1000"]|'"$1" config.json > new.json; }
        create() { change "$1"; $A --systemd-cgroup run -d -f new.json box </dev/null >/dev/null 2>&1 || $A --systemd-cgroup run -d -f new.json box </dev/null; }
        place() { sed 's/^0:://' /proc/$($A state box | jq .pid)/cgroup; }
        subgroup='.annotations={"run.oci.systemd.subgroup":"inner/most"}|.linux.resources.pids={"limit":33}|.linux.resources.memory={"limit":67108864}'
        check subgroup 'status=0' create "$subgroup"
        check subgroup-limits '/system.slice/apus-box.scope/inner/most 33 67108864 33' flat sh -c "sed s/^0::// /proc/$($A state box | jq .pid)/cgroup; cat $here/inner/most/pids.max $here/inner/most/memory.max $here/pids.max"
        check subgroup-update '44 44' flat sh -c "$A update --pids-limit 44 box; cat $here/inner/most/pids.max $here/pids.max"
        systemctl daemon-reload
        check subgroup-reload '44 67108864 44' flat cat $here/inner/most/pids.max $here/inner/most/memory.max $here/pids.max
        check subgroup-exec '0::/' $A exec box cat /proc/self/cgroup
        check subgroup-removed 'status=0' $A delete -f box
        check subgroup-empty '/system.slice/apus-box.scope status' sh -c "jq '.process.terminal=false|.process.args=[\"cat\",\"/proc/self/cgroup\"]|.annotations={\"run.oci.systemd.subgroup\":\"\"}|.linux.namespaces|=map(select(.type!=\"cgroup\"))' config.json >new.json; $A --systemd-cgroup run -f new.json box"
        delegated='.annotations={"run.oci.systemd.subgroup":"inner","run.oci.delegate-cgroup":"mine"}|(.mounts[]|select(.destination=="/sys/fs/cgroup").options)|=map(select(.!="ro"))|.linux.resources.pids={"limit":33}'
        create "$delegated"
        check delegated '/system.slice/apus-box.scope/inner/mine' place
        check delegated-namespace '0::/mine' $A exec box cat /proc/1/cgroup
        check delegated-manages 'made 33' flat $A exec box sh -c 'mkdir /sys/fs/cgroup/mine/x && echo made; cat /sys/fs/cgroup/pids.max'
        check delegated-exec '0::/mine' $A exec box cat /proc/self/cgroup
        $A delete -f box
        change '.annotations={"run.oci.delegate-cgroup":"a/b"}|.linux.cgroupsPath="/box"'
        $A run -d -f new.json box </dev/null >/dev/null 2>&1
        check delegated-scope '/box/a/b' place
        $A delete -f box
        check delegated-removed '0 0' flat sh -c 'ls -d /sys/fs/cgroup/box /sys/fs/cgroup/system.slice/apus-box.scope 2>/dev/null | wc -l; '"$A"' list -q | wc -l'
        """#

    private static let podmanScript = #"""
        PART=$1
        podman import -q /tmp/image.tar box >/dev/null 2>&1
        run() { podman_run --network none "$@"; }
        podman_run() { timeout 60 podman --runtime $A --cgroup-manager cgroupfs run "$@" </dev/null; }
        check run 'uid=0(root)' run --rm box id
        check limits '67108864 50' run --rm --memory 64m --pids-limit 50 box sh -c 'cd /sys/fs/cgroup; echo $(cat memory.max pids.max)'
        check not-root 'uid=1000' run --rm --user 1000:1000 box id
        if [ $PART = podman-user ]; then check keep-id 'uid=1000' run --rm --userns keep-id box id
        else check keep-id '100000' run --rm --uidmap 0:100000:65536 box cat /proc/self/uid_map; fi
        check host-namespaces 'uid=0' podman_run --rm --network host --pid host --ipc host --uts host box id
        detached() { run -d --name c1 box sleep 1000 && podman ps -q | wc -l && podman --runtime $A rm -f -t 0 c1 && podman ps -aq | wc -l; }
        check detached 'status=0' detached
        check missing-program 'status=127' run --rm box /nonexistent
        check terminal 'console' run --rm -t box ls /dev/console
        """#
}
