import Foundation
import PackagePlugin

/// Compiles `apus-init` and embeds it, so that a plain `swift build` does everything.
@main
struct EmbedInitPlugin: BuildToolPlugin {
    /// What makes clang compile for another system than this machine's; the Makefile says which.
    private var foreign: [String] {
        let environment = ProcessInfo.processInfo.environment
        guard let target = environment["APUS_TARGET"], let sysroot = environment["APUS_SYSROOT"] else { return [] }
        return ["--target=" + target, "--sysroot=" + sysroot]
    }

    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let sources = context.package.directoryURL.appending(path: "Sources")
        let code = sources.appending(path: "apus-init")
        let header = sources.appending(path: "InitProtocol/include/init_protocol.h")
        let output = context.pluginWorkDirectoryURL.appending(path: "InitImageBytes.swift")
        let files = try FileManager.default.contentsOfDirectory(at: code, includingPropertiesForKeys: nil)
        let inputs = files.sorted { $0.path < $1.path } + [header]
        return [
            .buildCommand(
                displayName: "Compiling and embedding apus-init",
                executable: try context.tool(named: "embed-init").url,
                arguments: [
                    try context.tool(named: "clang").url.path(), code.path(), header.deletingLastPathComponent().path(),
                    output.path(),
                ] + foreign,
                inputFiles: inputs,
                outputFiles: [output])
        ]
    }
}
