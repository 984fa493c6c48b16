import OCI
import Seccomp
import Testing

private let notify = SeccompRule.action(.notify, "getcwd")

@Suite struct FlagTests {
    @Test func speculationStaysAllowedWithoutFlags() throws {
        #expect(try SeccompFilter.compile(.allowing()).flags == 0x04)
    }

    @Test func emptyListMeansNoFlag() throws {
        #expect(try flags([]) == 0)
    }

    @Test func flagsOfTheProfile() throws {
        #expect(try flags([.log]) == 0x02)
        #expect(try flags([.specAllow, .log]) == 0x06)
    }

    @Test func threadsAreNotSynchronised() throws {
        #expect(try flags([.tsync, .log]) == 0x02)
    }

    @Test func supervisedFilterAsksForAListener() throws {
        let profile = SeccompProfile.allowing(notify)
        let filter = try SeccompFilter.compile(profile)
        #expect(filter.needsNotify)
        #expect(filter.flags == 0x0c)
        #expect(try SeccompFilter.compile(profile.with { $0.flags = all([.waitKillableRecv]) }).flags == 0x28)
        #expect(try !SeccompFilter.compile(.allowing()).needsNotify)
    }

    @Test func supportedFlags() {
        // Linux 5.14 knows the first three, 5.19 the last.
        #expect(SeccompSupport.flags.prefix(3) == [.tsync, .log, .specAllow])
    }

    @Test func versionOfTheLibrary() {
        #expect(SeccompSupport.libraryVersion.hasPrefix("2."))
        #expect(SeccompSupport.libraryVersion.split(separator: ".").count == 3)
    }

    private func flags(_ flags: [SeccompFlag]) throws -> UInt32 {
        try SeccompFilter.compile(SeccompProfile.allowing().with { $0.flags = all(flags) }).flags
    }
}

private func all(_ flags: [SeccompFlag]) -> SeccompFlags {
    SeccompFlags(rawValue: flags.reduce(0) { $0 | $1.rawValue })
}
