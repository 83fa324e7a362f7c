// SPDX-License-Identifier: Apache-2.0
import AWSWire

@testable import STS

extension WireService {
    static let sts = WireService(
        .sts,
        [
            Operation(STSOperations.assumeRole, answerEmpty),
            Operation(STSOperations.getAccessKeyInfo, answerEmpty),
            Operation(STSOperations.getCallerIdentity, answerEmpty),
            Operation(STSOperations.getFederationToken, answerEmpty),
            Operation(STSOperations.getSessionToken, answerEmpty),
        ]
    )
}
