import Foundation
import PackagePlugin

/// Says in the program which commit it is built from, at the start of each build: Sources/Release/commit.sh does it.
@main
struct CommitPlugin: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let package = context.package.directoryURL
        let output = context.pluginWorkDirectoryURL
        return [
            .prebuildCommand(
                displayName: "Asking git for the commit",
                executable: URL(fileURLWithPath: "/bin/sh"),
                arguments: [
                    package.appending(path: "Sources/Release/commit.sh").path(percentEncoded: false),
                    package.path(percentEncoded: false),
                    output.appending(path: "Commit.swift").path(percentEncoded: false),
                ],
                outputFilesDirectory: output)
        ]
    }
}
