// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import codegen

@Suite("Names") struct NamesTests {
    @Test(
        "members begin in lower case, acronyms as a whole",
        arguments: [
            ("FunctionUrlConfig", "functionUrlConfig"), ("KMSKeyArn", "kmsKeyArn"), ("MD5OfBody", "md5OfBody"),
            ("ARN", "arn"),
            ("ARNs", "arns"), ("IDsToKeep", "idsToKeep"), ("ETag", "eTag"), ("IPv6Cidr", "ipv6Cidr"),
            ("message", "message"),
            ("Protocol", "`protocol`"), ("VPC", "vpc"),
        ]
    )
    func members(model: String, swift: String) {
        #expect(Names.member(model) == swift)
    }

    @Test(
        "cases keep their words apart",
        arguments: [
            ("python3.12", "python312"), ("provided.al2023", "providedAl2023"), ("IN_PROGRESS", "inProgress"),
            ("RequestResponse", "requestResponse"), ("x86_64", "x8664"), ("1h", "_1h"), ("AWS_IAM", "awsIam"),
            ("AWSLambda", "awsLambda"), ("Default", "`default`"), ("*", "blank"),
        ]
    )
    func cases(value: String, swift: String) {
        #expect(Names.enumerationCase(value) == swift)
    }

    @Test("a shape whose name is taken carries its service")
    func types() {
        #expect(Names.type("statusType", service: "IAM") == "StatusType")
        #expect(Names.type("Endpoint", service: "DynamoDB") == "DynamoDBEndpoint")
    }

    @Test("text with quotes, backslashes and control characters becomes a literal of the same text")
    func literals() {
        #expect(literal("a-z") == #""a-z""#)
        #expect(literal(#"[\w+]"#) == ##"#"[\w+]"#"##)
        #expect(literal("\t\\") == #""\u{9}\\""#)
    }
}
