md5(original.user_id || number)
