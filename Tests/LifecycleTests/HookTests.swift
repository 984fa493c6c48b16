import Harness
import Testing

extension Containers {
    @Suite struct HookTests {
        static let runtimeKinds = ["prestart", "createRuntime", "poststart", "poststop"]
        static let containerKinds = ["createContainer", "startContainer"]
        static let createKinds = ["prestart", "createRuntime", "createContainer"]

        @Test func `hooks run in the order of the life cycle, each kind in its own order`() throws {
            let hooks = try Hooks(on: Bundle.sleeping())
            for kind in ["poststop", "startContainer", "createContainer", "createRuntime", "prestart"] {
                try hooks.add(kind, named: "\(kind) 1")
                try hooks.add(kind, named: "\(kind) 2")
            }
            try hooks.bundle.create().ok()
            #expect(
                hooks.order == [
                    "prestart 1", "prestart 2", "createRuntime 1", "createRuntime 2", "createContainer 1",
                    "createContainer 2",
                ])
            hooks.forget()
            try hooks.bundle.start().ok()
            _ = try hooks.bundle.line()
            #expect(hooks.order == ["startContainer 1", "startContainer 2"])
            hooks.forget()
            try hooks.bundle.delete("--force").ok()
            #expect(hooks.order == ["poststop 1", "poststop 2"])
        }

        @Test(.beyondRunc("runs poststart hooks in create"))
        func `poststart hooks run in start, when the program runs`() throws {
            let hooks = try Hooks(on: Bundle.sleeping())
            for kind in ["poststart", "startContainer"] { try hooks.add(kind) }
            try hooks.bundle.create().ok()
            #expect(hooks.order == [])
            try hooks.bundle.start().ok()
            #expect(hooks.order == ["startContainer", "poststart"])
            #expect(try hooks.state("poststart").status == "running")
        }

        @Test func `run runs them all`() throws {
            let hooks = try Hooks(on: Bundle.minimal())
            let kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
            for kind in kinds { try hooks.add(kind) }
            try hooks.bundle.run().ok()
            #expect(hooks.order.sorted() == kinds.sorted())
        }

        @Test(arguments: [
            ("prestart", "creating"), ("createRuntime", "creating"), ("createContainer", "creating"),
            ("startContainer", "created"), ("poststop", "stopped"),
        ])
        func `a hook gets the container's state on standard input`(kind: String, status: String) throws {
            let bundle = try Bundle.minimal { $0.annotations = ["key": "value"] }
            let hooks = try Hooks(on: bundle)
            try hooks.add(kind)
            try bundle.run().ok()
            let state = try hooks.state(kind)
            #expect(state.id == .string(bundle.id))
            #expect(state.bundle == .string(bundle.directory))
            #expect(state.status == .string(status))
            #expect(state.annotations == ["key": "value"])
            #expect(state.ociVersion.text?.hasPrefix("1.") == true)
            // Inside the container the process has another number, and after it none.
            if status == "creating" && kind != "createContainer" {
                #expect(state.pid.integer.map(Int32.init) == bundle.pid)
            }
        }

        @Test(arguments: runtimeKinds)
        func `it runs in the runtime's namespaces`(kind: String) throws {
            let hooks = try Hooks(on: Bundle.minimal())
            try hooks.add(kind)
            try hooks.bundle.run().ok()
            #expect(hooks.record(kind, "mnt") == "mnt:[\(Host.namespace("mnt"))]")
            #expect(hooks.record(kind, "net") == "net:[\(Host.namespace("net"))]")
        }

        @Test(arguments: containerKinds)
        func `it runs in the container's namespaces`(kind: String) throws {
            let hooks = try Hooks(on: Bundle.minimal())
            try hooks.add(kind)
            let seen = try hooks.bundle.report().namespaces
            #expect(hooks.record(kind, "mnt") == "mnt:[\(seen.mnt)]")
            #expect(hooks.record(kind, "net") == "net:[\(seen.net)]")
        }

        @Test func `a createRuntime hook can reach the new namespaces by the state's pid`() throws {
            let bundle = try Bundle.minimal()
            let path = "\(bundle.workspace.directory)/reach"
            try Files.script(
                "pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/'); readlink /proc/$pid/ns/net > \(path).net", at: path)
            bundle.config.hook("createRuntime", path)
            let seen = try bundle.report().namespaces.net
            #expect(Files.line("\(path).net") == "net:[\(seen)]")
        }

        @Test func `a createContainer hook can mount into the container`() throws {
            let bundle = try Bundle.minimal { $0.ask("--read", "/given/by-hook") }
            try bundle.putDirectory("given")
            let path = "\(bundle.workspace.directory)/mounting"
            try Files.script(
                "mount -t tmpfs none \(bundle.rootfs)/given && echo hello > \(bundle.rootfs)/given/by-hook", at: path)
            bundle.config.hook("createContainer", path, env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
            #expect(try bundle.report().contents["/given/by-hook"] == "hello\n")
            #expect(Files.list("\(bundle.rootfs)/given") == [])
        }

        @Test(arguments: ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"])
        func `arguments and environment are exactly the configured ones`(kind: String) throws {
            let hooks = try Hooks(on: Bundle.minimal { $0.process.env.append("FROM_PROCESS=1") })
            hooks.bundle.environment = ["FROM_RUNTIME=1"]
            try hooks.add(kind, args: ["zero", "one", "two words"], env: ["A=1", "B=x y"])
            try hooks.bundle.run().ok()
            #expect(hooks.record(kind, "args") == "one|two words|")
            let own = ["PWD", "SHLVL", "_", "OLDPWD", "PATH"]
            let names = hooks.environment(kind).filter { line in !own.contains { line.hasPrefix("\($0)=") } }
            #expect(names == ["A=1", "B=x y"])
        }

        @Test(
            .beyondRunc("gives hooks its own environment, or the process's"),
            arguments: ["prestart", "createRuntime", "createContainer", "poststart", "poststop"])
        func `without a configured environment it has none`(kind: String) throws {
            let hooks = try Hooks(on: Bundle.minimal { $0.process.env.append("LD_PRELOAD=/nowhere.so") })
            hooks.bundle.environment = ["FROM_RUNTIME=1"]
            try hooks.add(kind)
            try hooks.bundle.run().ok()
            let own = ["PWD", "SHLVL", "_", "OLDPWD", "PATH"]
            #expect(hooks.environment(kind).filter { line in !own.contains { line.hasPrefix("\($0)=") } } == [])
        }

        @Test(arguments: [false, true])
        func `a startContainer hook without a configured environment has the program's`(hasHome: Bool) throws {
            let bundle = try Bundle.minimal {
                $0.process.env = ["PATH=/bin", "A=1", "LAST=x"]
                if hasHome { $0.process.env.append("HOME=/mine") }
                $0.process.user = ["uid": 1000, "gid": 1000]
            }
            try Files.makeDirectory("\(bundle.rootfs)/etc")
            try Files.write("u:x:1000:1000::/home/u:/bin/sh\n", to: "\(bundle.rootfs)/etc/passwd")
            let place = try bundle.hostDirectory("place", mode: 0o777)
            bundle.config.bind(place, to: place)
            try Files.makeDirectory("\(bundle.rootfs)\(place)")
            bundle.config.hook(
                "startContainer", "/bin/sh", args: ["sh", "-c", "/bin/busybox env > \(place)/env"])
            let seen = try bundle.run().report
            let own = ["PWD", "SHLVL", "_", "OLDPWD"]
            let hooks = (Files.read("\(place)/env") ?? "").split(separator: "\n").map(String.init)
                .filter { line in !own.contains { line.hasPrefix("\($0)=") } }
            #expect(hooks.sorted() == seen.env.strings.sorted())
            #expect(hooks.contains(hasHome ? "HOME=/mine" : "HOME=/home/u"))
        }

        @Test func `an empty environment is none, and not the program's`() throws {
            let hooks = try Hooks(on: Bundle.minimal())
            try hooks.add("startContainer", env: [])
            try hooks.bundle.run().ok()
            #expect(!hooks.environment("startContainer").contains { $0.hasPrefix("TERM=") })
        }

        @Test(
            .beyondRunc("1.1.5 runs it in the bundle"), arguments: [true, false])
        func `a createContainer hook runs in the container's root, under the host's paths`(ownMounts: Bool) throws {
            let hooks = try Hooks(on: Bundle.minimal())
            if !ownMounts {
                hooks.bundle.config.share("mount")
                hooks.bundle.config.root.readonly = false
                hooks.bundle.config.mounts = []
                hooks.bundle.config.linux.maskedPaths = []
                hooks.bundle.config.linux.readonlyPaths = []
                hooks.bundle.config.run("/bin/true")
            }
            let place = "\(hooks.bundle.workspace.directory)/place"
            hooks.bundle.config.hook(
                "createContainer", "/bin/sh", args: ["sh", "-c", "pwd -P > \(place); ls >> \(place)"])
            try hooks.bundle.run().ok()
            let said = (Files.read(place) ?? "").split(separator: "\n").map(String.init)
            #expect(said.first == hooks.bundle.rootfs)
            #expect(said.contains("assert"))
        }

        // MARK: Failures

        @Test(arguments: createKinds)
        func `a failing hook fails create, nothing is left and poststop runs`(kind: String) throws {
            let hooks = try Hooks(on: Bundle.minimal())
            try hooks.add(kind, named: "failing", script: "echo the reason >&2; exit 3")
            try hooks.add(kind, named: "next")
            try hooks.add("poststop")
            expectFailure(try hooks.bundle.create(), saying: "hook", "the reason")
            #expect(hooks.order.first == "failing")
            #expect(!hooks.order.contains("next"))
            #expect(hooks.order.contains("poststop"))
            #expect(hooks.bundle.status == nil)
            hooks.bundle.expectNothingLeft()
        }

        @Test func `a failing startContainer hook keeps the program from running`() throws {
            let hooks = try Hooks(on: Bundle.minimal())
            try hooks.add("startContainer", script: "exit 3")
            #expect(try hooks.bundle.run().status != 0)
            #expect(hooks.bundle.output == "")
            hooks.bundle.expectNothingLeft()
        }

        @Test(.beyondRunc("start does not learn of it"))
        func `a failing startContainer hook fails start`() throws {
            let hooks = try Hooks(on: Bundle.minimal())
            try hooks.add("startContainer", script: "exit 3")
            try hooks.bundle.create().ok()
            expectFailure(try hooks.bundle.start(), saying: "hook")
            #expect(hooks.bundle.output == "")
        }

        @Test(.beyondRunc("runs poststart hooks in create"))
        func `a failing poststart hook fails start and stops the container`() throws {
            let hooks = try Hooks(on: Bundle.sleeping())
            try hooks.add("poststart", script: "echo the reason >&2; exit 3")
            try hooks.add("poststop")
            try hooks.bundle.create().ok()
            expectFailure(try hooks.bundle.start(), saying: "hook", "the reason")
            // No moment later: it is so when start returns.
            #expect(hooks.bundle.status == "stopped")
            #expect(hooks.order == ["poststart", "poststop"])
            try hooks.bundle.delete().ok()
            #expect(hooks.order == ["poststart", "poststop"])
            hooks.bundle.expectNothingLeft()
        }

        @Test func `a failing poststop hook does not fail delete`() throws {
            let hooks = try Hooks(on: Bundle.sleeping())
            try hooks.add("poststop", script: "exit 3")
            try hooks.bundle.create().ok()
            try hooks.bundle.delete("--force").ok()
            #expect(hooks.order == ["poststop"])
            hooks.bundle.expectNothingLeft()
        }

        @Test(.beyondRunc("stops at the first"))
        func `after a failing poststop hook the next one runs`() throws {
            let hooks = try Hooks(on: Bundle.sleeping())
            try hooks.add("poststop", named: "failing", script: "exit 3")
            try hooks.add("poststop", named: "next")
            try hooks.bundle.create().ok()
            try hooks.bundle.delete("--force").ok()
            #expect(hooks.order == ["failing", "next"])
            hooks.bundle.expectNothingLeft()
        }

        @Test(arguments: createKinds)
        func `a hook that takes too long is killed and fails create`(kind: String) throws {
            let hooks = try Hooks(on: Bundle.minimal())
            try hooks.add(kind, named: "slow", script: "exec sleep 100", timeout: 1)
            expectFailure(try hooks.bundle.create(), saying: "hook")
            hooks.bundle.expectNothingLeft()
        }

        @Test(arguments: createKinds)
        func `a hook that does not exist fails create and is named`(kind: String) throws {
            expectFailure(try Bundle.minimal { $0.hook(kind, "/absent/hook") }.create(), saying: "/absent/hook")
        }

        @Test func `a hook killed by a signal has failed`() throws {
            let hooks = try Hooks(on: Bundle.minimal())
            try hooks.add("createRuntime", script: "kill -9 $$")
            expectFailure(try hooks.bundle.create(), saying: "hook")
        }

        @Test(.beyondRunc("searches for it"))
        func `a hook's path must be absolute`() throws {
            expectFailure(try Bundle.minimal { $0.hook("createRuntime", "true") }.create(), saying: "absolute")
        }

        @Test func `a hook that does not read its input is no failure`() throws {
            let annotations = Value.object(["big": .string(String(repeating: "x", count: 200_000))])
            let bundle = try Bundle.minimal {
                $0.annotations = annotations
                $0.hook("createRuntime", "/bin/true")
                $0.hook("poststop", "/bin/true")
            }
            try bundle.run().ok()
        }

        @Test(arguments: createKinds)
        func `a hook does not get the runtime's descriptors`(kind: String) throws {
            let hooks = try Hooks(on: Bundle.minimal())
            try hooks.add(kind)
            try hooks.bundle.run().ok()
            let numbers = (hooks.record(kind, "fds") ?? "").split(separator: " ").compactMap { Int($0) }
            #expect(numbers.filter { $0 < 10 }.allSatisfy { $0 < 4 }, "\(numbers)")
        }
    }
}

/// Hooks that write down that they ran, and with what.
final class Hooks {
    let bundle: Bundle
    private let directory: String

    init(on bundle: Bundle) throws {
        self.bundle = bundle
        directory = try bundle.hostDirectory("hooks", mode: 0o777)
        // The container's own hooks write to the same place.
        try Files.makeDirectory("\(bundle.rootfs)\(directory)")
        bundle.config.bind(directory, to: directory)
    }

    func add(
        _ kind: String, named name: String? = nil, args: [String] = [], env: [String]? = nil, script: String = "true",
        timeout: Int? = nil
    ) throws {
        let name = name ?? kind
        let file = "\(directory)/\(name.filter { $0 != " " })"
        let isInside = kind == "startContainer"
        let path = isInside ? "\(bundle.rootfs)/\(name.filter { $0 != " " })" : file
        let applets = isInside ? "/bin/busybox " : ""
        try Files.script(
            """
            \(applets)env > '\(file).env'
            PATH=/usr/bin:/bin
            echo '\(name)' >> '\(directory)/order'
            for argument in "$@"; do printf '%s|' "$argument"; done > '\(file).args'
            \(applets)cat > '\(file).state'
            \(applets)readlink /proc/self/ns/mnt > '\(file).mnt'
            \(applets)readlink /proc/self/ns/net > '\(file).net'
            echo $(\(applets)ls /proc/$$/fd) > '\(file).fds' 2>&1
            \(script)
            """, at: path)
        bundle.config.hook(
            kind, isInside ? "/\(name.filter { $0 != " " })" : path, args: args.isEmpty ? nil : args, env: env,
            timeout: timeout)
    }

    /// The names of the hooks that have run since the last `forget`.
    var order: [String] { (Files.read("\(directory)/order") ?? "").split(separator: "\n").map(String.init) }
    func forget() { Files.removeTree("\(directory)/order") }

    func state(_ name: String) throws -> Value { try Value(parsing: record(name, "state") ?? "") }
    func record(_ name: String, _ what: String) -> String? { Files.line("\(directory)/\(name).\(what)") }
    func environment(_ name: String) -> [String] {
        (record(name, "env") ?? "?").split(separator: "\n").map(String.init).sorted()
    }
}
