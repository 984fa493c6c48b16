// fuzz: APUS_FUZZER=NAME fuzz [LIBFUZZER OPTIONS] [CORPUS...]
//
// The name comes by the environment because libFuzzer starts itself anew with its own arguments for some of its work.
import FuzzSupport
import Glibc

/// A function that is to live through any bytes.
struct Fuzzer: Sendable {
    let run: @Sendable ([UInt8]) -> Void
    /// Whether inputs are JSON, to be changed by structure.
    var isJSON = true

    static let all: [String: Fuzzer] = [
        "json": Fuzzer(run: fuzzJSON),
        "config": Fuzzer(run: fuzzConfiguration),
        "plan": Fuzzer(run: fuzzPlan),
        "exec": Fuzzer(run: fuzzExec),
        "state": Fuzzer(run: fuzzState),
        "resources": Fuzzer(run: fuzzResources),
        "seccomp": Fuzzer(run: fuzzSeccomp),
        "names": Fuzzer(run: fuzzNames, isJSON: false),
        "variant": Fuzzer(run: fuzzVariant, isJSON: false),
        "layout": Fuzzer(run: fuzzLayout, isJSON: false),
        "message": Fuzzer(run: fuzzMessage, isJSON: false),
        "criu": Fuzzer(run: fuzzCriu, isJSON: false),
        "bus": Fuzzer(run: fuzzBus, isJSON: false),
    ]
}

/// Ends the process with a reason if something does not hold that always has to.
func require(_ holds: @autoclosure () -> Bool, _ what: String) {
    if !holds() { fatalError(what) }
}

/// Seconds of the processor that this process has had: a busy machine is no hang.
func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

let name = getenv("APUS_FUZZER").map { String(cString: $0) } ?? ""
guard let fuzzer = Fuzzer.all[name] else {
    print("APUS_FUZZER must be one of \(Fuzzer.all.keys.sorted().joined(separator: " "))")
    exit(2)
}
let chosen = fuzzer.run
if fuzzer.isJSON { fuzz_change_as_json() }
exit(
    fuzz_run(CommandLine.argc, CommandLine.unsafeArgv) { bytes, size in
        let begin = processorTime()
        chosen(Array(UnsafeBufferPointer(start: bytes, count: size)))
        require(processorTime() - begin < 5, "it took more than 5 s")
        return 0
    })
