import Harness
import Testing

extension Containers {
    /// `features` (features.md, features-linux.md): a document of the specification's form, in which everything is true.
    @Suite struct FeaturesTests {
        private static let schemas = "\(fixtures)/schema"

        private static var fixtures: String {
            let tests = Files.parent(of: Files.parent(of: #filePath))
            return "\(Files.parent(of: tests))/spec-fixtures"
        }

        private func features() throws -> Value {
            try Value(parsing: Bundle.minimal().command(["features"]).run().ok().output)
        }

        @Test func `it is as its schema wants it`() throws {
            let schema = try Schema("features-schema.json", in: Self.schemas)
            #expect(try schema.problems(with: try features()) == [])
            // The validator finds what is wrong.
            var wrong = try features()
            wrong.linux.namespaces.append("moon")
            wrong.linux.seccomp.enabled = "yes"
            wrong.linux.capabilities.append("chown")
            wrong.remove("ociVersionMax")
            #expect(try schema.problems(with: wrong).count == 4)
        }

        @Test func `so is the state`() throws {
            let bundle = try Bundle.sleeping()
            try bundle.create().ok()
            #expect(try Schema("state-schema.json", in: Self.schemas).problems(with: try bundle.state()) == [])
        }

        @Test func `it has every member that the specification names`() throws {
            let features = try features()
            #expect(
                features.linux.members.keys.sorted() == [
                    "apparmor", "capabilities", "cgroup", "intelRdt", "memoryPolicy", "mountExtensions", "namespaces",
                    "netDevices", "seccomp", "selinux",
                ])
            #expect(features.linux.intelRdt == ["enabled": true, "schemata": true, "monitoring": true])
            #expect(features.linux.mountExtensions == ["idmap": ["enabled": true]])
            #expect(features.linux.netDevices == ["enabled": true])
            #expect(features.linux.apparmor == ["enabled": true] && features.linux.selinux == ["enabled": true])
            #expect(
                features.linux.cgroup == ["v1": true, "v2": true, "systemd": true, "systemdUser": true, "rdma": true])
            let names = try Value(parsing: Files.read("\(Self.schemas)/defs-linux.json") ?? "").definitions
            for (list, name) in [
                (features.linux.namespaces, "NamespaceType"), (features.linux.seccomp.actions, "SeccompAction"),
                (features.linux.seccomp.operators, "SeccompOperators"),
                (features.linux.seccomp.knownFlags, "SeccompFlag"),
                (features.linux.memoryPolicy.modes, "MemoryPolicyMode"),
                (features.linux.memoryPolicy.flags, "MemoryPolicyFlag"),
            ] {
                #expect(list.strings.sorted() == names[name].enum.strings.sorted(), "\(name)")
            }
            // A filter serves what libseccomp knows, of the machine's byte order.
            let known = Set(names["SeccompArch"].enum.strings)
            #expect(known.isSuperset(of: features.linux.seccomp.archs.strings))
            #expect(features.linux.seccomp.archs.contains("SCMP_ARCH_X86_64"))
        }

        // MARK: What it says is accepted, and what it does not say is not

        /// What `plan` says of a configuration: nil if it accepts it.
        private func refusal(_ change: (inout Value) -> Void) throws -> String? {
            let bundle = try Bundle.minimal { change(&$0) }
            try bundle.save()
            let outcome = try bundle.command(["plan", "--format", "json", bundle.directory]).run()
            guard outcome.succeeded, outcome.errors.isEmpty else { return outcome.errors }
            let warnings = try Value(parsing: outcome.output).warnings.strings
            return warnings.isEmpty ? nil : warnings.joined(separator: "\n")
        }

        private func expectAll(_ names: Value, andNot unknown: String, _ change: (inout Value, Value) -> Void) throws {
            #expect(!names.items.isEmpty)
            for name in names.items {
                let refusal = try refusal { change(&$0, name) }
                #expect(refusal == nil, "\(name): \(refusal ?? "")")
            }
            #expect(try refusal { change(&$0, .string(unknown)) }?.contains(unknown) == true, "\(unknown)")
        }

        @Test func `namespaces`() throws {
            try expectAll(try features().linux.namespaces, andNot: "moon") { config, name in
                config.linux.namespaces.removeAll { $0.type == name }
                config.linux.namespaces.append(["type": name])
                if name == "user" { config.mapUsers() }
                config.linux.namespaces = .array(Array(Set(config.linux.namespaces.items)))
            }
        }

        /// One that is not known is a warning, as the specification wants it.
        @Test func `capabilities`() throws {
            try expectAll(try features().linux.capabilities, andNot: "CAP_MOON") { config, name in
                config.process.capabilities = ["bounding": [name], "permitted": [name], "effective": [name]]
                // There every one of them can be given, whatever the caller itself may have.
                config.mapUsers()
            }
        }

        /// Whatever is no option of this list is the file system's affair, and so an error of a bind mount's or a warning.
        @Test func `mount options`() throws {
            try expectAll(try features().mountOptions, andNot: "moon") { config, name in
                switch name {
                case "tmpcopyup": config.mount("tmpfs", at: "/data", "tmpcopyup")
                case "idmap", "ridmap":
                    config.mapUsers()
                    config.bind("/srv", to: "/data", "bind", name.text ?? "")
                case "remount": config.mount("tmpfs", at: "/dev", "remount")
                case "bind", "rbind": config.bind("/srv", to: "/data", name.text ?? "")
                default: config.bind("/srv", to: "/data", "bind", name.text ?? "")
                }
            }
        }

        @Test func `hooks`() throws {
            for kind in try features().hooks.strings {
                #expect(try refusal { $0.hook(kind, "/bin/true") } == nil)
                #expect(try refusal { $0.hook(kind, "relative") }?.contains("hooks.\(kind)[0].path") == true)
            }
        }

        @Test func `seccomp`() throws {
            let seccomp = try features().linux.seccomp
            func rule(_ action: Value, _ more: Value = [:]) -> Value {
                var rule: Value = ["names": ["mkdir"], "action": action]
                for (name, value) in more.members { rule[name] = value }
                return ["defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]]
            }
            try expectAll(seccomp.actions, andNot: "SCMP_ACT_MOON") { config, name in
                config.linux.seccomp = rule(name)
                if name == "SCMP_ACT_NOTIFY" { config.linux.seccomp.listenerPath = "/run/agent" }
            }
            try expectAll(seccomp.operators, andNot: "SCMP_CMP_MOON") { config, name in
                config.linux.seccomp = rule("SCMP_ACT_ERRNO", ["args": [["index": 0, "value": 1, "op": name]]])
            }
            func withArchitecture(_ config: inout Value, _ name: Value) {
                config.linux.seccomp = rule("SCMP_ACT_ERRNO")
                config.linux.seccomp.architectures = [name]
            }
            try expectAll(seccomp.archs, andNot: "SCMP_ARCH_MOON", withArchitecture)
            let names = try Value(parsing: Files.read("\(Self.schemas)/defs-linux.json") ?? "").definitions
            for name in names["SeccompArch"].enum.items where !seccomp.archs.contains(name) {
                #expect(try refusal { withArchitecture(&$0, name) } != nil, "\(name)")
            }
            try expectAll(seccomp.knownFlags, andNot: "SECCOMP_FILTER_FLAG_MOON") { config, name in
                config.linux.seccomp = rule("SCMP_ACT_ERRNO")
                config.linux.seccomp.flags = [name]
                if name == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" {
                    config.linux.seccomp = rule("SCMP_ACT_NOTIFY")
                    config.linux.seccomp.listenerPath = "/run/agent"
                    config.linux.seccomp.flags = [name]
                }
            }
            #expect(Set(seccomp.knownFlags.strings).isSuperset(of: seccomp.supportedFlags.strings))
        }

        @Test func `memory policies`() throws {
            let policy = try features().linux.memoryPolicy
            try expectAll(policy.modes, andNot: "MPOL_MOON") { config, name in
                config.linux.memoryPolicy = ["mode": name]
                if name != "MPOL_DEFAULT", name != "MPOL_LOCAL" { config.linux.memoryPolicy.nodes = "0" }
            }
            try expectAll(policy.flags, andNot: "MPOL_F_MOON") { config, name in
                config.linux.memoryPolicy = ["mode": "MPOL_BIND", "nodes": "0", "flags": [name]]
            }
        }

        @Test func `versions`() throws {
            let features = try features()
            for version in [features.ociVersionMin, features.ociVersionMax] {
                #expect(try refusal { $0.ociVersion = version } == nil)
            }
            #expect(try refusal { $0.ociVersion = "0.9.0" }?.contains("ociVersion") == true)
        }

        // MARK: Annotations

        /// Every annotation that the sources know by name is in the list, and the list has no others.
        @Test func `potentially unsafe annotations are those that are obeyed`() throws {
            let listed = try features().potentiallyUnsafeConfigAnnotations.strings
            let sources = "\(Files.parent(of: Self.fixtures))/Sources"
            var named: Set<String> = []
            for file in Files.tree(sources) where file.hasSuffix(".swift") {
                let text = Files.read("\(sources)/\(file)") ?? Files.read(file) ?? ""
                for match in text.matches(of: /"((?:org\.systemd|org\.criu|run\.oci)\.[A-Za-z_.-]*)"/) {
                    named.insert(String(match.output.1))
                }
            }
            for family in ["run.oci.", "org.criu."] { named.remove(family) }  // Which an image must not set.
            #expect(named.count > 5)
            #expect(named.sorted() == listed.sorted())
        }
    }
}
