// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import IAM

@Suite("Policy wildcards") struct WildcardTests {
    @Test(
        "a star takes any characters and a question mark one",
        arguments: [
            ("*", "", true), ("*", "anything", true), ("", "", true), ("", "a", false), ("a?c", "abc", true),
            ("a?c", "ac", false), ("a*c", "ac", true), ("a*c", "abbbc", true), ("a*c", "abbb", false),
            ("*ab*ab", "abxabab", true), ("lambda:Get*", "lambda:GetFunction", true), ("?", "é", true),
            ("?", "ab", false),
            ("a**b", "ab", true), ("*a", "aaab", false), ("*aab", "aaaab", true), ("ab", "abc", false),
        ]
    )
    func matching(pattern: String, text: String, expected: Bool) {
        #expect(Wildcard(pattern).matches(text) == expected)
    }

    @Test("a pattern made to backtrack for ever is answered all the same")
    func hostilePattern() {
        let pattern = Wildcard(String(repeating: "a*", count: 3_000) + "b")
        let text = String(repeating: "a", count: 20_000)
        // That it returns is the test: the naive matcher would need longer than the universe has.
        #expect(!pattern.matches(text))
    }

    @Test("matching agrees with the plain recursive definition on every short pattern and text")
    func agreesWithDefinition() {
        func matches(_ pattern: Substring, _ text: Substring) -> Bool {
            guard let first = pattern.first else { return text.isEmpty }
            if first == "*" {
                return matches(pattern.dropFirst(), text) || (!text.isEmpty && matches(pattern, text.dropFirst()))
            }
            guard let letter = text.first, first == "?" || first == letter else { return false }
            return matches(pattern.dropFirst(), text.dropFirst())
        }
        func words(_ letters: String, upTo length: Int) -> [String] {
            var all = [""]
            var last = [""]
            for _ in 0..<length {
                last = last.flatMap { word in letters.map { word + String($0) } }
                all += last
            }
            return all
        }
        for pattern in words("ab*?", upTo: 4) {
            for text in words("ab", upTo: 4) {
                #expect(Wildcard(pattern).matches(text) == matches(pattern[...], text[...]), "\(pattern) on \(text)")
            }
        }
    }
}

@Suite("ARNs in policies") struct ARNPatternTests {
    private func matches(_ pattern: String, _ arn: String, fillingUp: Bool = true) -> Bool {
        ARNPattern(pattern, variables: true, fillingUp: fillingUp).matches(ARNText(arn), [:])
    }

    @Test("a wildcard stays within its part of the ARN, but for the last part")
    func partwise() {
        #expect(matches("arn:aws:lambda:*:123456789012:function:f", "arn:aws:lambda:eu-west-1:123456789012:function:f"))
        #expect(!matches("arn:aws:lambda:*:function:f", "arn:aws:lambda:eu-west-1:123456789012:function:f"))
        #expect(matches("arn:aws:lambda:*:*:function:f*", "arn:aws:lambda:eu-west-1:123456789012:function:f:7"))
        #expect(matches("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b:c"))
        #expect(!matches("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket"))
    }

    @Test("missing parts of a resource are filled up; of a condition's value they are not")
    func incomplete() {
        let queue = "arn:aws:sqs:eu-west-1:123456789012:q"
        #expect(matches("arn:aws:sqs", queue))
        #expect(matches("arn:aws:sqs:eu-west-1", queue))
        #expect(!matches("arn:aws:sqs:us-east-1", queue))
        #expect(!matches("arn:aws:sqs", queue, fillingUp: false))
        #expect(matches("*", queue, fillingUp: false))
    }

    @Test("a colon inside a variable does not split the ARN")
    func variables() {
        let keys: ConditionKeys = ["aws:username": ["ann"]]
        let pattern = ARNPattern("arn:aws:s3:::home/${aws:username}/*", variables: true, fillingUp: true)
        #expect(pattern.matches(ARNText("arn:aws:s3:::home/ann/file"), keys))
        #expect(!pattern.matches(ARNText("arn:aws:s3:::home/bob/file"), keys))
        #expect(!pattern.matches(ARNText("arn:aws:s3:::home/ann/file"), [:]))
    }
}
