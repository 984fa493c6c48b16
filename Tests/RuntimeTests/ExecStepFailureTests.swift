import Foundation
import Testing

@testable import Kernel
@testable import OCI
@testable import Planner
@testable import Runtime

extension StepFailureTests {
    @Test("a failure at any step of exec leaves nothing")
    func execFails() async {
        await #expect(processExitsWith: .success) { try ExecStepFailures(.plain).failsAtEveryStep() }
    }

    @Test("a failure at any step of exec leaves nothing, in a user namespace")
    func execFailsInUserNamespace() async {
        await #expect(processExitsWith: .success) { try ExecStepFailures(.userNamespace).failsAtEveryStep() }
    }

    @Test("a failure at any step of exec leaves nothing, in a time namespace")
    func execFailsInTimeNamespace() async {
        await #expect(processExitsWith: .success) { try ExecStepFailures(.timeNamespace).failsAtEveryStep() }
    }
}

/// The failures of `exec` in one running container.
struct ExecStepFailures {
    private let fixture: Fixture
    private let request: ExecRequest
    private let before: Snapshot

    init(_ bundle: FullBundle) throws {
        fixture = try Fixture(bundle)
        // It waits at the gate: as good to enter as one that was started.
        try fixture.lifecycle.create(fixture.request)
        request = {
            var request = ExecRequest(id: "step-\(bundle.rawValue)", command: ["/bin/true"])
            request.detaches = true
            return request
        }()
        before = Snapshot(fixture)
    }

    /// In each of the ways in which the host goes along: with nothing to do, and with a pid file to write.
    func failsAtEveryStep() throws {
        defer {
            try? fixture.lifecycle.delete(fixture.id, force: true)
            fixture.remove()
        }
        var announced = request
        announced.pidFile = fixture.directory.appendingPathComponent("pid").path
        for request in [request, announced] {
            let count = try prepare(request).plan.steps.count
            for index in 0..<count { try fails(at: index, request) }
            // Untouched it works.
            let execution = try Execution.start(request, try prepare(request))
            guard try execution.child.process.wait() == .exited(0) else {
                throw Deviation(description: "/bin/true did not end well")
            }
        }
    }

    private func prepare(_ request: ExecRequest) throws -> ExecPreparation {
        let container = try Container(fixture.id, in: fixture.lifecycle.store)
        return try ExecPreparation(request, container, cache: fixture.lifecycle.filterCache)
    }

    private func fails(at index: Int, _ request: ExecRequest) throws {
        var preparation = try prepare(request)
        let step = preparation.plan.steps[index]
        // In front of the step in question, with its origin: everything before it has really happened.
        preparation.plan.steps.insert(Step(.changeDirectory("/no/such/directory"), step.origin), at: index)
        do {
            _ = try Execution.start(request, preparation)
            throw Deviation(description: "step \(index), \(step): it did not fail")
        } catch let error as RuntimeError {
            let message = "\(error)"
            guard message == "\(step.origin.text): chdir /no/such/directory: no such file or directory" else {
                throw Deviation(description: "step \(index), \(step): it failed with: \(message)")
            }
        }
        _ = consume preparation
        let after = Snapshot.settled(fixture, like: before)
        guard after == before else {
            throw Deviation(description: "step \(index), \(step): left behind: \(after.difference(from: before))")
        }
    }
}
