// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@Suite("An ARN")
struct ARNTests {
    @Test(
        "reads and prints the same",
        arguments: [
            "arn:aws:lambda:eu-west-1:123456789012:function:f:7",
            "arn:aws-cn:s3:::bucket/key:with:colons",
            "arn:aws:iam::123456789012:role/path/name",
            "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f:*",
        ]
    )
    func roundTrip(text: String) throws {
        #expect(try #require(ARN(text)).description == text)
    }

    @Test("keeps the colons of its resource")
    func parts() throws {
        let arn = try #require(ARN("arn:aws:lambda:eu-west-1:123456789012:function:f:7"))
        #expect(arn.service == "lambda")
        #expect(arn.resource == "function:f:7")
        #expect(arn.scope?.description == "123456789012/eu-west-1")
    }

    @Test(
        "is nothing else than six parts",
        arguments: [
            "", "arn", "arn:aws:lambda:r:a", "arn:aws:lambda:r:a:", "ARN:aws:l:r:a:x", "arn::l:r:a:x", "arn:aws::r:a:x",
        ]
    )
    func malformed(text: String) {
        #expect(ARN(text) == nil)
    }

    @Test("has no scope without a region or an account")
    func scopes() {
        #expect(ARN("arn:aws:iam::123456789012:role/r")?.scope == nil)
        #expect(ARN("arn:aws:s3:::b")?.scope == nil)
        #expect(ARN("arn:aws:sqs:eu-west-1:12345:q")?.scope == nil)
    }

    @Test("made for a scope has the region's partition")
    func partitions() throws {
        let account = try #require(AccountID("123456789012"))
        let china = Scope(account: account, region: try #require(Region("cn-north-1")))
        #expect(china.arn("sqs", "q").description == "arn:aws-cn:sqs:cn-north-1:123456789012:q")
        #expect(china.globalARN("iam", "role/r").description == "arn:aws-cn:iam::123456789012:role/r")
        #expect(Region("us-gov-west-1")?.partition == "aws-us-gov")
        #expect(Region("eu-central-1")?.partition == "aws")
    }
}

@Suite("Accounts and regions")
struct ScopeTests {
    @Test(
        "an account is twelve digits",
        arguments: ["", "12345678901", "1234567890123", "12345678901a", "１23456789012", "123456 89012"]
    )
    func accounts(text: String) {
        #expect(AccountID(text) == nil)
    }

    @Test(
        "a region is lower-case letters, digits and hyphens, a letter first",
        arguments: ["", "EU-west-1", "1eu", "eu_west", "eu/..", "é"]
    )
    func regions(text: String) {
        #expect(Region(text) == nil)
    }

    @Test("a region has at most 32 characters")
    func longRegions() {
        #expect(Region(String(repeating: "a", count: 32)) != nil)
        #expect(Region(String(repeating: "a", count: 33)) == nil)
    }
}
