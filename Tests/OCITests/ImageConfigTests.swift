import OCI
import Testing

/// From an image's configuration to a container's: image-spec, conversion.md.
@Suite struct ImageConfigTests {
    private static let document = """
        {"architecture": "amd64", "os": "linux", "variant": "v2", "os.version": "1", "os.features": ["a", "b"],
         "author": "me", "created": "2015-10-31T22:22:56.015925234Z",
         "config": {"User": "alice:wheel", "ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
          "Env": ["PATH=/bin", "FOO=bar=baz"], "Entrypoint": ["/bin/app"], "Cmd": ["--fast", ""],
          "Volumes": {"/var/data": {}, "/log": {}}, "WorkingDir": "/home", "StopSignal": "SIGKILL",
          "Labels": {"com.example.x": "y", "org.opencontainers.image.author": "label", "run.oci.hooks.stdout": "/etc/cron.d/x",
                     "org.systemd.property.CollectMode": "'inactive'", "org.criu.config": "/x"}},
         "rootfs": {"type": "layers", "diff_ids": []}, "history": []}
        """

    private func decoded(_ document: String) throws -> ImageConfig { try ImageConfig.decode(Array(document.utf8)) }

    @Test func everyFieldHasItsPlace() throws {
        let image = try decoded(Self.document)
        #expect(image.entrypoint == ["/bin/app"])
        #expect(image.command == ["--fast", ""])
        #expect(image.environment == ["PATH=/bin", "FOO=bar=baz"])
        #expect(image.workingDirectory == "/home")
        #expect(image.user == ImageConfig.User(user: "alice", group: "wheel"))
        #expect(image.volumes == ["/log", "/var/data"])
        let annotations = Dictionary(uniqueKeysWithValues: image.annotations.map { ($0.key, $0.value) })
        let prefix = "org.opencontainers.image."
        #expect(
            annotations == [
                "com.example.x": "y", "\(prefix)author": "label", "\(prefix)os": "linux",
                "\(prefix)architecture": "amd64",
                "\(prefix)variant": "v2", "\(prefix)os.version": "1", "\(prefix)os.features": "a,b",
                "\(prefix)created": "2015-10-31T22:22:56.015925234Z", "\(prefix)stopSignal": "SIGKILL",
                "\(prefix)exposedPorts": "53/udp,8080/tcp",
            ])
    }

    @Test func anImageDoesNotDecideAboutTheRuntime() throws {
        let image = try decoded(Self.document)
        #expect(image.refusedLabels == ["org.criu.config", "org.systemd.property.CollectMode", "run.oci.hooks.stdout"])
        #expect(!image.annotations.contains { !$0.key.hasPrefix("org.opencontainers.") && $0.key != "com.example.x" })
    }

    @Test(arguments: [
        "{}", #"{"config": {}}"#, #"{"config": null}"#, #"{"config": {"Cmd": null, "Labels": null, "User": ""}}"#,
    ])
    func whatIsNotThereIsEmpty(document: String) throws {
        #expect(try decoded(document) == ImageConfig())
    }

    @Test(arguments: [
        (#"{"config": {"Env": ["=x"]}}"#, "config.Env[0]: not of the form NAME=value: \"=x\""),
        (#"{"config": {"Entrypoint": [""], "Cmd": ["sh"]}}"#, "config.Entrypoint[0]: empty"),
        (#"{"config": {"Cmd": "sh"}}"#, "config.Cmd: not an array: \"sh\""),
        (#"{"config": {"WorkingDir": "home"}}"#, "config.WorkingDir: not absolute: \"home\""),
        (#"{"config": {"Volumes": {"data": {}}}}"#, "config.Volumes.data: not an absolute path"),
        (#"{"config": {"Labels": {"a": 1}}}"#, "config.Labels.a: not a string: 1"),
        (
            #"{"config": {"User": "a:b:c"}}"#,
            "config.User: not a user, or a user and a group with a colon between them: \"a:b:c\""
        ),
        (
            #"{"config": {"User": ":b"}}"#,
            "config.User: not a user, or a user and a group with a colon between them: \":b\""
        ),
        (
            #"{"config": {"digest": "sha256:0"}, "layers": []}"#,
            "this is an image's manifest, whose config.digest names the file below blobs: what is wanted is the image's "
                + "configuration, as \"skopeo inspect --config\" prints it"
        ),
        (
            #"{"manifests": []}"#,
            "this is an index of images: what is wanted is the image's configuration, as \"skopeo inspect --config\" prints it"
        ),
        (
            #"{"ociVersion": "1.0.2"}"#,
            "this is a container's configuration: what is wanted is the image's configuration, as \"skopeo inspect --config\" "
                + "prints it"
        ),
    ])
    func whatIsWrongIsToldWithItsPlace(document: String, message: String) {
        let error = #expect(throws: SpecError.self) { try decoded(document) }
        #expect(error?.description == message)
    }

    /// As Docker takes them; what is in memory already needs nothing.
    @Test(arguments: [
        (#"{"/b": {}, "/b/": {}, "/b/../b": {}, "/./b//": {}}"#, ["/b"]),
        (#"{"/b/c": {}, "/x/../a": {}, "/b/": {}}"#, ["/a", "/b", "/b/c"]),
        (#"{"/dev/shm/": {}, "/dev/mqueue": {}, "/device": {}, "/system": {}}"#, ["/device", "/system"]),
    ])
    func volumesAreDirectoriesEachOnce(volumes: String, paths: [String]) throws {
        #expect(try decoded(#"{"config": {"Volumes": \#(volumes)}}"#).volumes == paths)
    }

    @Test(arguments: [
        ("/", "the root file system itself is no volume"), ("/b/..", "the root file system itself is no volume"),
        ("/proc", "every container has a file system of its own at /proc, whose content is not the image's"),
        ("/proc/sys/", "every container has a file system of its own at /proc, whose content is not the image's"),
        ("/x/../dev", "every container has a file system of its own at /dev, whose content is not the image's"),
        ("/dev/pts", "every container has a file system of its own at /dev, whose content is not the image's"),
        ("/sys/fs/cgroup", "every container has a file system of its own at /sys, whose content is not the image's"),
    ])
    func aVolumeOfTheKernelsIsRefused(path: String, message: String) {
        let error = #expect(throws: SpecError.self) { try decoded(#"{"config": {"Volumes": {"\#(path)": {}}}}"#) }
        #expect(error?.description == #"config.Volumes["\#(path)"]: \#(message)"#)
    }

    @Test func theTemplateTakesTheImageOver() throws {
        let image = try decoded(Self.document)
        var template = SpecTemplate()
        template.take(image, command: [])
        template.process.user = User(uid: 7, gid: 8, additionalGids: [9])
        let spec = try Spec.decode(template.json())
        #expect(spec.process?.args == ["/bin/app", "--fast", ""])
        // What the image says is not changed; what it does not say is added.
        #expect(spec.process?.env == ["PATH=/bin", "FOO=bar=baz", "TERM=xterm"])
        #expect(spec.process?.cwd == "/home")
        #expect(spec.process?.user == User(uid: 7, gid: 8, additionalGids: [9]))
        #expect(!spec.root.readonly)
        let volumes = spec.mounts.filter { image.volumes.contains($0.destination) }
        #expect(volumes.count == 2 && volumes.allSatisfy { $0.type == "tmpfs" && $0.tmpcopyup })
        #expect(spec.annotations == image.annotations)
        #expect(spec.warnings.isEmpty)
    }

    @Test func aCommandTakesThePlaceOfTheImagesOwn() throws {
        var template = SpecTemplate()
        template.leaveOutTerminal()
        template.take(try decoded(Self.document), command: ["sh"])
        let process = try #require(try Spec.decode(template.json()).process)
        #expect(process.args == ["/bin/app", "sh"])
        #expect(process.env == ["PATH=/bin", "FOO=bar=baz"])
        #expect(!process.terminal)
    }

    /// One id is enough for root; for somebody else the runtime has to find more.
    @Test func aRootlessContainerOfSomebodyElseIsMappedByTheRuntime() throws {
        var template = SpecTemplate(rootless: SpecTemplate.Rootless(uid: 5, gid: 6))
        #expect(try Spec.decode(template.json()).linux.uidMappings.count == 1)
        template.process.user = User(uid: 1000)
        let linux = try Spec.decode(template.json()).linux
        #expect(linux.uidMappings.isEmpty && linux.gidMappings.isEmpty && linux.creates(.user))
    }

    @Test func withoutATerminalThereIsNoKindOfOne() throws {
        var template = SpecTemplate()
        template.leaveOutTerminal()
        let process = try #require(try Spec.decode(template.json()).process)
        #expect(!process.terminal && process.args == ["sh"])
        #expect(process.env == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
    }
}
