import Harness
import Testing

extension Containers {
    /// `linux.netDevices`. The host's side is a network namespace of the test's own.
    @Suite(.needs("ip"), .needs("unshare"), .beyondRunc("came with runtime-spec 1.3"))
    struct NetworkDeviceTests {
        private static let pair = """
            ip link add veth0 type veth peer name veth1
            ip link set veth0 mtu 1400 address 02:00:00:00:00:07
            ip addr add 10.9.8.7/24 broadcast 10.9.8.255 dev veth0
            ip addr add fd00::7/64 dev veth0 nodad
            ip link set veth0 up
            """

        private func bundle(_ devices: Value, _ change: (inout Value) -> Void = { _ in }) throws -> Bundle {
            let bundle = try Bundle.minimal {
                $0.linux.netDevices = devices
                $0.shell("busybox ip addr show")
                $0.process.env = ["PATH=/bin"]
                change(&$0)
            }
            // What the host has after the end is told behind a line.
            bundle.wrapper = [
                "/usr/bin/unshare", "--net", "/bin/sh", "-ec",
                "\(Self.pair)\n\"$@\" && code=0 || code=$?\necho ----\nip addr show\nexit $code", "sh",
            ]
            return bundle
        }

        private func sides(_ outcome: Outcome) throws -> (inside: String, host: String) {
            let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
            let middle = try #require(lines.firstIndex(of: "----"))
            return (lines[..<middle].joined(separator: "\n"), lines[middle...].joined(separator: "\n"))
        }

        private func expectUnmoved(_ host: String, _ location: SourceLocation = #_sourceLocation) {
            for part in [" veth0@", "mtu 1400", "UP", "02:00:00:00:00:07", "inet 10.9.8.7/24", "inet6 fd00::7/64"] {
                #expect(host.contains(part), "\(part) in \(host)", sourceLocation: location)
            }
        }

        @Test func `a device comes with its name, address of hardware, size and lasting addresses, and is up`() throws {
            let (inside, host) = try sides(try bundle(["veth0": ["name": "eth7"]]).run().ok())
            for part in [
                " eth7@", "mtu 1400", "02:00:00:00:00:07", "inet 10.9.8.7/24 brd 10.9.8.255 scope global",
                "inet6 fd00::7/64",
                "UP",
            ] { #expect(inside.contains(part), "\(part) in \(inside)") }
            #expect(!host.contains("veth0@veth1"))
        }

        @Test func `it keeps its name, or gets the first that is free`() throws {
            #expect(try sides(try bundle(["veth0": [:]]).run().ok()).inside.contains(" veth0@"))
            #expect(try sides(try bundle(["veth0": ["name": "eth%d"]]).run().ok()).inside.contains(" eth0@"))
        }

        @Test func `several kinds at once, before hooks and sysctls`() throws {
            let bundle = try bundle(["veth0": ["name": "eth0"], "mac0": ["name": "eth1"]]) {
                $0.linux.sysctl = ["net.ipv4.conf.eth1.forwarding": "1"]
                $0.shell("busybox ip addr show; cat /proc/sys/net/ipv4/conf/eth1/forwarding")
                $0.hook("createContainer", "/bin/sh", args: ["sh", "-c", "busybox ip link show eth1"])
            }
            bundle.wrapper[4] =
                "ip link add base type veth peer name other; ip link add mac0 link base type macvlan\n"
                + bundle.wrapper[4]
            let inside = try sides(try bundle.run().ok()).inside
            #expect(inside.contains(" eth0@") && inside.contains(" eth1@"))
            #expect(inside.hasSuffix("\n1"))
        }

        @Test func `into a namespace that is there already, also under create`() throws {
            let bundle = try bundle(["veth0": ["name": "eth0"]]) { $0.run("/assert", "sleep") }
            let holder = try bundle.workspace.holdNamespaces("--net")
            // The namespace that `create` is called in goes with it, and with a peer in there the device would.
            bundle.wrapper[4] = bundle.wrapper[4].replacing("\necho ----\nip addr show", with: "")
                .replacing("\"$@\"", with: "ip link set veth1 netns \(holder)\n\"$@\"")
            bundle.config.join("network", "/proc/\(holder)/ns/net")
            try bundle.create().ok()
            try bundle.start().ok()
            _ = try bundle.line()
            let shown = try bundle.command(["exec", bundle.id, "/bin/busybox", "ip", "addr", "show"]).run().ok()
            #expect(shown.output.contains(" eth0@") && shown.output.contains("inet 10.9.8.7/24"))
            try bundle.kill("KILL").ok()
            #expect(bundle.waitForExit() == 137)
            try bundle.delete().ok()
        }

        // MARK: Nothing moves, or everything moves back

        @Test func `a name that the host does not have`() throws {
            let outcome = try bundle(["veth0": [:], "eth99": [:]]).run()
            expectFailure(outcome, saying: "linux.netDevices[\"eth99\"]", "no such device")
            expectUnmoved(try sides(outcome).host)
        }

        @Test func `a name that the container has already`() throws {
            let outcome = try bundle(["veth0": ["name": "lo"]]).run()
            expectFailure(outcome, saying: "linux.netDevices[\"veth0\"]", "lo", "exists", "another `name`")
            expectUnmoved(try sides(outcome).host)
        }

        @Test func `a device that cannot be moved, behind one that can`() throws {
            let outcome = try bundle(["veth0": ["name": "eth0"], "zlo": [:]]).run()
            expectFailure(outcome, saying: "zlo")
            let last = try bundle(["lo": ["name": "eth1"], "veth0": ["name": "eth0"]]).run()
            expectFailure(last, saying: "linux.netDevices[\"lo\"]", "invalid argument")
            expectUnmoved(try sides(last).host)
        }

        @Test(arguments: ["createRuntime", "createContainer", "startContainer"])
        func `after a failure later on they are the host's again`(kind: String) throws {
            let bundle = try bundle(["veth0": ["name": "eth0"]]) {
                $0.hook(kind, "/bin/sh", args: ["sh", "-c", "exit 3"])
            }
            let outcome = try bundle.run()
            expectFailure(outcome, saying: "hooks.\(kind)")
            expectUnmoved(try sides(outcome).host)
            bundle.expectNothingLeft()
        }
    }
}
