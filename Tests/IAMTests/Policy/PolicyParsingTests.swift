// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import IAM

@Suite("Policy documents") struct PolicyParsingTests {
    private func fault(_ text: String, as purpose: PolicyDocument.Purpose = .identity) -> String? {
        do {
            _ = try PolicyDocument(parsing: text, as: purpose)
            return nil
        } catch let fault as PolicyFault {
            return fault.message
        } catch {
            return "another error: \(error)"
        }
    }

    private func identity(_ statement: String) -> String { #"{"Version":"2012-10-17","Statement":\#(statement)}"# }

    @Test("an ordinary document is taken, with one statement or several")
    func ordinary() throws {
        let one = #"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#
        #expect(try PolicyDocument(parsing: identity(one), as: .identity).statements.count == 1)
        #expect(try PolicyDocument(parsing: identity("[\(one),\(one)]"), as: .identity).statements.count == 2)
    }

    @Test(
        "a document whose JSON has not the form of a policy is a syntax error",
        arguments: [
            "This is not a json document", "", "[]", "7", #"{"Version":"2012-10-17"}"#,
            #"{"Version":"2012-10-17","Statement":[]}"#, #"{"Version":"2012-10-17","Statement":["afd"]}"#,
            #"{"Version":"2013-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#,
            #"{"Version":"2012-10-17","Id":[],"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#,
            #"{"Version":"2012-10-17","Extra":"x","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#,
            #"{"Version":"2012-10-17","Statement":{"Action":"s3:*","Resource":"*"}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"invalid","Action":"s3:*","Resource":"*"}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Extra":1}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":{},"Resource":"*"}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":[[]],"Resource":"*"}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[],"NotAction":"s3:*","Resource":"*"}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","NotResource":[]}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":[]}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"a":"b"}}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"a":{"b":"c"}}}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"b":null}}}}"#,
        ]
    )
    func syntax(text: String) {
        #expect(fault(text) == "Syntax errors in policy.")
    }

    @Test(
        "what a statement says is checked in IAM's order and words",
        arguments: [
            (
                #"{"Effect":"Allow","Action":"invalid","Resource":"*"}"#,
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            ),
            (
                #"{"Effect":"Allow","NotAction":"","Resource":"*"}"#,
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            ),
            (#"{"Effect":"Allow","Action":"a a:List","Resource":"*"}"#, "Vendor a a is not valid"),
            (
                #"{"Effect":"Allow","Action":"s3:List:Bucket","Resource":"*"}"#,
                "Actions/Condition can contain only one colon."
            ),
            (
                #"{"Effect":"Allow","Action":"s:3:List","Resource":"sdf"}"#,
                "Resource sdf must be in ARN format or \"*\"."
            ),
            (#"{"Effect":"Allow","Action":"s3:List","Resource":""}"#, "Resource  must be in ARN format or \"*\"."),
            (
                #"{"Effect":"Allow","Action":"s3:List","Resource":"a:bs"}"#,
                "Partition \"bs\" is not valid for resource \"arn:bs:*:*:*:*\"."
            ),
            (
                #"{"Effect":"Allow","Action":"s3:List","Resource":"a:b:c:d:e:f:g:h"}"#,
                "Partition \"b\" is not valid for resource \"arn:b:c:d:e:f:g:h\"."
            ),
            (
                #"{"Effect":"Allow","Action":"s3:List","Resource":"aws:s3:::bucket"}"#,
                "Partition \"s3\" is not valid for resource \"arn:s3:::bucket:*\"."
            ),
            (
                #"{"Effect":"Allow","Action":"s3:List","Resource":"arn:aws"}"#,
                "Resource vendor must be fully qualified and cannot contain regexes."
            ),
            (
                #"{"Effect":"Allow","Action":"s3:List","Resource":"arn:aws:s3::bucket"}"#,
                "The policy failed legacy parsing"
            ),
            (#"{"Effect":"allow","Action":"s3:List","Resource":"*"}"#, "The policy failed legacy parsing"),
            (
                #"{"Effect":"Allow","Action":"s3:List","Resource":"*","Condition":{"DateEquals":{"a:b":"x"}}}"#,
                "The policy failed legacy parsing"
            ),
            (
                #"{"Effect":"Allow","Action":"s3:List","Resource":"arn:aws:s3:eu-west-1::b"}"#,
                "Resource arn:aws:s3:eu-west-1::b can not contain region information."
            ),
            (
                #"{"Effect":"Allow","Action":"s3:List","Resource":"arn:aws:iam:eu-west-1::user/a"}"#,
                "IAM resource arn:aws:iam:eu-west-1::user/a cannot contain region information."
            ),
            (#"{"Effect":"Allow","Resource":"*"}"#, "Policy statement must contain actions."),
            (#"{"Effect":"Allow","Action":[],"Resource":"*"}"#, "Policy statement must contain actions."),
            (#"{"Effect":"Allow","Action":"s3:List"}"#, "Policy statement must contain resources."),
            (#"{"Effect":"Allow","Action":"s3:List","Resource":[]}"#, "Policy statement must contain resources."),
            (
                #"{"Effect":"Allow","Action":"invalid"}"#,
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            ),
            (
                #"{"Effect":"Allow","Action":"s3:List","Resource":"*","Principal":"*"}"#,
                "Policy document should not specify a principal."
            ),
            (
                #"[{"Sid":"A","Effect":"Allow","Action":"s3:List","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"s3:List","Resource":"*"}]"#,
                "Statement IDs (SID) in a single policy must be unique."
            ),
            (
                #"{"Sid":"a b","Effect":"Allow","Action":"s3:List","Resource":"*"}"#,
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
            ),
        ]
    )
    func meaning(statement: String, message: String) {
        #expect(fault(identity(statement)) == message)
    }

    @Test("an identity's policy must be of the new version, trust and resource policies need not")
    func versions() {
        let old = #"{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"s3:List","Resource":"*"}}"#
        #expect(fault(old) == "Policy document must be version 2012-10-17 or greater.")
        let trust =
            #"{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}}"#
        #expect(fault(trust, as: .trust) == nil)
    }

    @Test(
        "a trust policy names principals and sts actions, and no resource",
        arguments: [
            (#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"*"}}"#, nil),
            (
                #"{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Principal":{"AWS":["123456789012","arn:aws:iam::123456789012:role/a/b"],"Service":"lambda.amazonaws.com"}}"#,
                nil
            ),
            (#"{"Effect":"Allow","Action":"sts:AssumeRole*","Principal":"*"}"#, nil),
            (#"{"Effect":"Allow","Action":"sts:AssumeRole"}"#, "Missing required field Principal"),
            (#"{"Effect":"Allow","Principal":"*"}"#, "Missing required field Action"),
            (
                #"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*","Resource":"*"}"#,
                "Has prohibited field Resource"
            ),
            (
                #"{"Effect":"Allow","Action":"s3:GetObject","Principal":"*"}"#,
                "AssumeRole policy may only specify STS AssumeRole actions."
            ),
            (
                #"{"Effect":"Allow","Action":"*","Principal":"*"}"#,
                "AssumeRole policy may only specify STS AssumeRole actions."
            ),
            (
                #"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"ann"}}"#,
                #"Invalid principal in policy: "AWS":"ann""#
            ),
            (
                #"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::123456789012:role/*"}}"#,
                #"Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:role/*""#
            ),
            (
                #"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda"}}"#,
                #"Invalid principal in policy: "SERVICE":"lambda""#
            ),
            (
                #"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":".amazonaws.com"}}"#,
                #"Invalid principal in policy: "SERVICE":".amazonaws.com""#
            ),
            (#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Robot":"x"}}"#, "Syntax errors in policy."),
            (#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"ann"}"#, "Syntax errors in policy."),
        ] as [(String, String?)]
    )
    func trust(statement: String, message: String?) {
        #expect(fault(identity(statement), as: .trust) == message)
    }

    @Test("a trust policy that is no JSON says so")
    func trustIsNoJSON() {
        #expect(fault("{", as: .trust) == "This policy contains invalid Json")
    }

    @Test("conditions take strings, numbers and booleans, alone and in lists")
    func conditionValues() {
        let statement =
            #"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"s3:max-keys":[10,"20"]}}}"#
        #expect(fault(identity(statement)) == nil)
    }

    @Test("every policy of AWS that Martlet knows can be read")
    func awsManaged() {
        #expect(AWSManagedPolicies.sorted.count > 40)
        for (name, entry) in AWSManagedPolicies.byName {
            #expect(fault(entry.version.document) == nil, "\(name)")
        }
    }

    @Test(
        "hostile documents are answered, not followed",
        arguments: [
            String(repeating: "[", count: 100_000), String(repeating: #"{"Statement":"#, count: 20_000),
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"\#(String(repeating: "*", count: 50_000))","Resource":"*"}}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::\#(String(repeating: "${", count: 50_000))"}}"#,
            "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:\u{0}\",\"Resource\":\"\u{FEFF}\"}}",
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"NumericEquals":{"a:b":1e999}}}}"#,
        ]
    )
    func hostile(text: String) {
        _ = fault(text)
        _ = fault(text, as: .trust)
        _ = fault(text, as: .resource)
    }

    @Test("documents changed at random are read or refused with a policy's error, and can be asked")
    func fuzz() {
        let seeds = [
            #"{"Version":"2012-10-17","Id":"x","Statement":[{"Sid":"a","Effect":"Allow","NotAction":["s3:Get*","iam:?"],"Resource":["arn:aws:s3:::b/${aws:username}/*","*"],"Condition":{"ForAnyValue:StringLikeIfExists":{"aws:TagKeys":["a*","b"]},"DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00Z"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":{"AWS":["123456789012","arn:aws:iam::123456789012:root"],"Service":"s3.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"Null":{"aws:MultiFactorAuthPresent":"true"},"NumericGreaterThan":{"s3:max-keys":5}}}}"#,
        ].map { Array($0.utf8) }
        let alphabet = Array(#"{}[]",:*?$/\ 0aeE-+.\u"#.utf8)
        var random = SeededGenerator(state: 7)
        for round in 0..<4_000 {
            var bytes = seeds[round % seeds.count]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = alphabet.randomElement(using: &random) ?? 0
                case 1: bytes.remove(at: place)
                default: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            for purpose in [PolicyDocument.Purpose.identity, .trust, .resource] {
                do {
                    let document = try PolicyDocument(parsing: text, as: purpose)
                    _ = document.verdict(on: Self.question)
                } catch {
                    #expect(error is PolicyFault, "\(text)")
                }
            }
        }
    }

    private static let question = PolicyQuestion(
        action: "sts:AssumeRole",
        resource: "arn:aws:iam::123456789012:role/r",
        caller: CallerNames(account: "123456789012", identityARN: "arn:aws:iam::123456789012:user/ann", isUser: true),
        keys: ["aws:username": ["ann"], "aws:TagKeys": ["a", "b"], "aws:SourceIp": ["10.1.1.1"]]
    )
}

/// The same numbers in every run, so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
