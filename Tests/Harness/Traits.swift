public import Testing

/// Gives each test a `Workspace`, and fails the test for whatever is left on the host after it, also when the test
/// itself failed.
public struct LeavesNothing: TestTrait, SuiteTrait, TestScoping {
    public var isRecursive: Bool { true }

    public func provideScope(
        for test: Test, testCase: Test.Case?, performing body: @Sendable () async throws -> Void
    ) async throws {
        let workspace = try Workspace()
        do {
            try await Workspace.$current.withValue(workspace) { try await body() }
        } catch {
            finish(workspace)
            throw error
        }
        finish(workspace)
    }

    private func finish(_ workspace: Workspace) {
        let left = workspace.close()
        if !left.isEmpty { Issue.record("left on the host:\n\(left.joined(separator: "\n"))") }
    }
}

extension Bundle {
    /// Fails the test for whatever it has left on the host so far, without a `delete`.
    public func expectNothingLeft(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(leftovers() == [], sourceLocation: sourceLocation)
    }
}

/// Names the flags whose effect a test shows: `.flag("create --pid-file", "--root")`. A flag that the parser accepts and
/// no test names is a failure (FlagCoverageTests).
public struct ShowsFlags: TestTrait {
    public let flags: [String]
}

extension Trait where Self == ShowsFlags {
    public static func flag(_ flags: String...) -> ShowsFlags { ShowsFlags(flags: flags) }
}

extension Trait where Self == LeavesNothing {
    public static var leavesNothing: LeavesNothing { LeavesNothing() }
}

extension Trait where Self == ConditionTrait {
    /// Containers need root here; a rootless host is another suite's subject.
    public static var needsRoot: ConditionTrait { .enabled(if: Host.isRoot, "needs root: run the tests with sudo") }

    /// For what Debian's runc 1.1.5 does otherwise, when the harness itself is tried with it.
    public static func beyondRunc(_ reason: String) -> ConditionTrait {
        .enabled(if: Runtime.underTest?.isRunc != true, "not in runc 1.1.5: \(reason)")
    }

    public static func needsController(_ name: String) -> ConditionTrait {
        .enabled(if: Host.hasController(name), "this host's cgroups have no \(name) controller")
    }

    public static func needs(_ program: String) -> ConditionTrait {
        .enabled(if: Host.has(program), "needs the program \(program)")
    }
}
