import Harness
import Testing

extension Containers {
    /// Limits on memory below what a container starts with.
    @Suite(.beyondRunc("fails without a reason")) struct MemoryTests {
        private func run(_ limit: Int, _ change: (inout Value) throws -> Void = { _ in }) throws -> (Outcome, Bundle) {
            let bundle = try Bundle.minimal {
                $0.linux.resources.memory = ["limit": Value(limit)]
                try change(&$0)
            }
            return (try bundle.run(), bundle)
        }

        @Test(arguments: [1, 4096, 20 << 10, 39 << 10])
        func `a limit that can never be enough is refused before anything is done`(limit: Int) throws {
            let (outcome, bundle) = try run(limit) { $0.hook("prestart", "/bin/false") }
            expectFailure(
                outcome, saying: "linux.resources.memory.limit: ", "is too little: this container needs about", "KiB")
            bundle.expectNothingLeft()
            expectFailure(try bundle.create(), saying: "is too little")
        }

        @Test(arguments: [72 << 10, 88 << 10])
        func `a limit that might be enough is tried, and the failure tells both numbers`(limit: Int) throws {
            let (outcome, bundle) = try run(limit)
            #expect(outcome.status != 0)
            let text =
                "the container ran out of memory while it was started: its limit is \(limit >> 10) KiB, and it needs about "
            #expect(outcome.errors.contains(text), "\(outcome)")
            bundle.expectNothingLeft()
        }

        @Test(arguments: [0, -1, 1 << 20]) func `other limits are none of its business`(limit: Int) throws {
            let (outcome, _) = try run(limit)
            try outcome.ok()
            #expect(!outcome.errors.contains("memory"))
        }

        @Test func `arguments count`() throws {
            let (outcome, _) = try run(120 << 10) {
                $0.process.env.append(.string("BIG=" + String(repeating: "x", count: 100_000)))
            }
            expectFailure(outcome, saying: "is too little")
        }

        @Test func `check says it too`() throws {
            let bundle = try Bundle.minimal { $0.linux.resources.memory = ["limit": 10_000] }
            try bundle.save()
            let refused = try bundle.command(["check", bundle.directory]).run()
            #expect(
                refused.status == 1 && refused.output.hasPrefix("linux.resources.memory.limit: 10 KiB is too little"))
            bundle.config.linux.resources.memory.limit = 150_000
            try bundle.save()
            let doubtful = try bundle.command(["check", bundle.directory]).run()
            #expect(doubtful.status == 0 && doubtful.output.hasPrefix("linux.resources.memory.limit: warning: 147 KiB"))
        }
    }
}
