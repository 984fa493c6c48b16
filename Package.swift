// swift-tools-version: 6.2
import PackageDescription

/// The release is Embedded Swift, which compiles what is used of the standard library into the program, without the Swift
/// runtime: a third of the size, a third of the memory, a sixth fewer instructions. It is an experimental feature of the
/// compiler (tried with Swift 6.3); `APUS_EMBEDDED=0` builds a release of ordinary Swift. Debug builds, and with them the
/// unit tests, always are ordinary Swift, and so are the fuzzers.
///
/// Functions have sections of their own, so that what several modules specialise alike is linked once.
let isEmbedded = Context.environment["APUS_EMBEDDED"] != "0" && Context.environment["APUS_FUZZ"] == nil

/// For the compiler and for the linker of a release. SwiftPM's own setting, `.enableExperimentalFeature`, links debug builds
/// too without the start of the Swift runtime, whatever its condition: there no type is found by its name.
let embeddedFeature = ["-enable-experimental-feature", "Embedded"]
let embedded: [SwiftSetting] =
    isEmbedded
    ? [
        .unsafeFlags(
            embeddedFeature + ["-wmo", "-Xfrontend", "-function-sections"], .when(configuration: .release))
    ] : []

/// The system that `make build ARCH=...` builds for, as compilers name it, if it is not this machine's. The Makefile hands
/// over everything else that such a build needs in a toolset; the build plugin of apus-init looks at this too.
let foreignTarget = Context.environment["APUS_TARGET"]

/// Nothing in a release says where it was built: two folders give the same bytes.
let anywhere = Context.packageDirectory + "=."
let placeless: [SwiftSetting] = [
    .unsafeFlags(
        ["-file-prefix-map", anywhere, "-Xcc", "-ffile-prefix-map=" + anywhere], .when(configuration: .release))
]
let placelessC: [CSetting] = [.unsafeFlags(["-ffile-prefix-map=" + anywhere], .when(configuration: .release))]

/// What every Swift target is compiled with: the Swift 6 language mode, warnings as errors, and
/// `unsafe` visible wherever memory safety rests on an argument instead of the compiler.
let strict: [SwiftSetting] =
    embedded + placeless + [
        .swiftLanguageMode(.v6),
        .strictMemorySafety(),
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ]

/// What is not on the way of a container, and what only calls one thing after the other, is made small instead of
/// fast.
let small: [SwiftSetting] = strict + [.unsafeFlags(["-Osize"], .when(configuration: .release))]

/// C that runs with the container's fate in its hands is held to the same standard. A buffer that overflows ends the
/// program; the C library can check the sizes of buffers only in code that is optimised.
let strictC: [CSetting] =
    placelessC + [
        .unsafeFlags(["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-Wswitch-enum", "-Wno-unused-parameter"]),
        .unsafeFlags(["-fstack-protector-strong"]),
        .define("_FORTIFY_SOURCE", to: "2", .when(configuration: .release)),
    ]

/// A static program for fixed addresses, whose constants, tables of code addresses and code lie in pages that nobody
/// can write: Tests/check-binary.sh holds it to that. lld because it can take the constants that Swift marks as
/// writable out of .rodata, see sections.ld.
///
/// Not -static-pie: each of several thousand pointers in tables of the C libraries and of Swift would have to be relocated at every
/// start, a quarter more instructions for `state` at nine for a packed one, and 150 KiB more would become private to each
/// process; and the start that CStartup puts in place of the C library's knows fixed addresses only. Stack, heap, mappings
/// and vdso lie at random addresses as ever.
///
/// Kernels for Arm have pages of 4, 16 or 64 KiB: what becomes read-only fills whole ones of the largest.
#if arch(arm64)
    let isForArm = foreignTarget == nil
#else
    let isForArm = foreignTarget?.hasPrefix("aarch64") == true
#endif
let hardened =
    ["now", "relro", "noexecstack", "separate-code", "keep-text-section-prefix"]
    + (isForArm ? ["common-page-size=65536"] : [])
let linking: [LinkerSetting] = [
    .unsafeFlags(isEmbedded ? embeddedFeature : [], .when(configuration: .release)),
    // For a foreign target the driver knows no static programs: the toolset has what makes one.
    .unsafeFlags(foreignTarget == nil ? ["-static-executable"] : []),
    // Without a number that stands for all that is linked, debugging information with its paths and times among it.
    .unsafeFlags(["-use-ld=lld", "-Xlinker", "--icf=all", "-Xlinker", "--build-id=none"]),
    // What commands call lies together: fewer pages are read. `make order` writes the file; an old one harms nothing.
    .unsafeFlags([
        "-Xlinker", "--symbol-ordering-file", "-Xlinker", Context.packageDirectory + "/Sources/CStartup/order.txt",
        "-Xlinker", "--no-warn-symbol-ordering",
    ]),
    // What is linked, for the list of parts in a release (Sources/Release/parts.py).
    .unsafeFlags(Context.environment["APUS_LINK_MAP"].map { ["-Xlinker", "-Map=" + $0] } ?? []),
    .unsafeFlags(["-Xlinker", "-T", "-Xlinker", Context.packageDirectory + "/Sources/CStartup/sections.ld"]),
    .unsafeFlags(hardened.flatMap { ["-Xlinker", "-z", "-Xlinker", $0] }),
]

/// Tests may use Foundation, and pointers without ceremony.
let testSettings: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

let package = Package(
    name: "apus",
    products: [.executable(name: "apus", targets: ["apus"])],
    targets: [
        // C: headers of the host, and the record format that apus-init and Swift share.
        .target(name: "CKernel", cSettings: strictC),
        .target(name: "CJSON", cSettings: placelessC, linkerSettings: [.linkedLibrary("json-c")]),
        .target(name: "CSeccomp", cSettings: strictC, linkerSettings: [.linkedLibrary("seccomp")]),
        .systemLibrary(name: "CLibDBus", pkgConfig: "dbus-1", providers: [.apt(["libdbus-1-dev"])]),
        .target(name: "CDBus", dependencies: ["CLibDBus"], cSettings: strictC),
        .target(name: "InitProtocol", cSettings: strictC),
        .target(
            name: "CStartup", exclude: ["sections.ld", "order.txt"],
            cSettings: strictC + (isEmbedded ? [.define("APUS_EMBEDDED", .when(configuration: .release))] : [])),

        // apus-init: compiled freestanding by the plugin, embedded as a Swift constant.
        .executableTarget(name: "embed-init", path: "Sources/EmbedInit", swiftSettings: [.swiftLanguageMode(.v6)]),
        .plugin(
            name: "EmbedInitPlugin", capability: .buildTool(), dependencies: ["embed-init"],
            path: "Sources/Plugins/EmbedInitPlugin"),
        .target(name: "InitImage", swiftSettings: strict, plugins: ["EmbedInitPlugin"]),

        // Which commit the program is built from.
        .plugin(name: "CommitPlugin", capability: .buildTool(), path: "Sources/Plugins/CommitPlugin"),

        // Arrows only go down.
        .target(name: "Kernel", dependencies: ["CKernel"], swiftSettings: strict),
        .target(name: "JSON", dependencies: ["CJSON"], swiftSettings: strict),
        .target(name: "Spelling", swiftSettings: small),
        .target(name: "OCI", dependencies: ["JSON", "Spelling"], swiftSettings: strict),
        .target(name: "Seccomp", dependencies: ["OCI", "Kernel", "Spelling", "CSeccomp"], swiftSettings: strict),
        .target(name: "Checkpoint", dependencies: ["Kernel"], swiftSettings: small),
        .target(name: "DBus", dependencies: ["CDBus"], swiftSettings: small),
        .target(
            name: "Cgroups", dependencies: ["OCI", "Kernel", "DBus", "Spelling", "CKernel"], swiftSettings: strict),
        .target(name: "Planner", dependencies: ["OCI", "Spelling", "InitProtocol"], swiftSettings: strict),
        .target(
            name: "Launch", dependencies: ["Planner", "Kernel", "InitImage", "InitProtocol"], swiftSettings: strict),
        .target(
            name: "Runtime",
            dependencies: [
                "OCI", "JSON", "Kernel", "Seccomp", "Cgroups", "Planner", "Launch", "Checkpoint", "Spelling",
            ],
            swiftSettings: small),
        .target(name: "CommandLineInterface", dependencies: ["Spelling"], swiftSettings: small),
        .executableTarget(
            name: "apus",
            dependencies: [
                "Runtime", "OCI", "Kernel", "Planner", "Seccomp", "Cgroups", "CommandLineInterface", "Spelling",
                "CStartup",
            ], swiftSettings: strict,
            linkerSettings: linking, plugins: ["CommitPlugin"]),

        // Tests. Those of the life cycle run the built binary as root on real bundles.
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: testSettings),
        .testTarget(name: "OCITests", dependencies: ["OCI", "JSON", "Harness"], swiftSettings: testSettings),
        .testTarget(
            name: "CommandLineInterfaceTests", dependencies: ["CommandLineInterface", "Spelling"],
            swiftSettings: testSettings),
        .testTarget(name: "CheckpointTests", dependencies: ["Checkpoint"], swiftSettings: testSettings),
        .testTarget(name: "SpellingTests", dependencies: ["Spelling"], swiftSettings: testSettings),
        .testTarget(
            name: "CgroupsTests", dependencies: ["Cgroups", "DBus", "OCI", "Kernel"], swiftSettings: testSettings),
        .target(name: "SeccompLoader", path: "Tests/SeccompTests/Loader", cSettings: strictC),
        .testTarget(
            name: "SeccompTests", dependencies: ["Seccomp", "OCI", "Kernel", "CSeccomp", "SeccompLoader"],
            exclude: ["Loader"], swiftSettings: testSettings),
        .target(name: "RenamedSmallLibrary", path: "Tests/SmallLibraryTests/Renamed", cSettings: strictC),
        .testTarget(
            name: "SmallLibraryTests", dependencies: ["RenamedSmallLibrary"], exclude: ["Renamed"],
            swiftSettings: testSettings),
        .target(
            name: "InitRunner", dependencies: ["InitProtocol"], path: "Tests/PlannerTests/InitRunner",
            cSettings: strictC),
        .testTarget(
            name: "PlannerTests",
            dependencies: ["Planner", "OCI", "Seccomp", "InitProtocol", "InitImage", "InitRunner"],
            exclude: ["InitRunner"], swiftSettings: testSettings),
        .testTarget(
            name: "RuntimeTests", dependencies: ["Runtime", "Launch", "Planner", "OCI", "Kernel"],
            swiftSettings: testSettings),
        .target(name: "Harness", path: "Tests/Harness", swiftSettings: testSettings),
        .testTarget(name: "LifecycleTests", dependencies: ["Harness"], swiftSettings: testSettings),
    ]
)

// Fuzzers, which Tests/Safety/fuzzing.py builds with everything instrumented; no part of any other build.
if Context.environment["APUS_FUZZ"] != nil {
    package.targets += [
        .target(
            name: "FuzzSupport", dependencies: ["CLibDBus", "InitProtocol"], path: "Tests/Fuzz/Support",
            cSettings: strictC),
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "FuzzSupport", "JSON", "OCI", "Planner", "Seccomp", "DBus", "Cgroups", "Kernel", "Runtime",
                "Checkpoint",
            ], path: "Tests/Fuzz/Targets", swiftSettings: testSettings),
    ]
}
