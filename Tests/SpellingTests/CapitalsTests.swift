import Spelling
import Testing

@Suite("Capitals and small letters of ASCII")
struct CapitalsTests {
    @Test("letters of ASCII change, every other character stays")
    func ascii() {
        for value in UInt32(0)...0x7f {
            let text = String(Character(Unicode.Scalar(value)!))
            #expect(text.asciiUppercased == text.uppercased())
            #expect(text.asciiLowercased == text.lowercased())
        }
        #expect("aé\u{131}ß\u{e000}".asciiUppercased == "Aé\u{131}ß\u{e000}")
        #expect("AÉ\u{130}\u{212a}"[...].asciiLowercased == "aÉ\u{130}\u{212a}")
    }
}
